//! Tables: aligned for a terminal, or Markdown.

/// Rows of cells under a head.
#[derive(Clone, Debug)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(head: &[&str]) -> Self {
        Self {
            head: head.iter().map(|cell| (*cell).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    pub fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// For a terminal: as wide as the widest cell of each column, the first to the left, the others to the right.
    pub fn aligned(&self) -> String {
        let widths: Vec<usize> = (0..self.head.len())
            .map(|column| self.width(column))
            .collect();
        let lines = self.lines().map(|row| {
            let cells = row
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(column, (cell, width))| match column {
                    0 => format!("{cell:<width$}"),
                    _ => format!("{cell:>width$}"),
                });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        });
        lines.collect()
    }

    pub fn markdown(&self) -> String {
        let rule = self
            .head
            .iter()
            .enumerate()
            .map(|(column, _)| if column == 0 { "---" } else { "---:" });
        let mut lines = self.lines().map(|row| format!("| {} |\n", row.join(" | ")));
        let head = lines.next().unwrap_or_default();
        format!(
            "{head}| {} |\n{}",
            rule.collect::<Vec<_>>().join(" | "),
            lines.collect::<String>()
        )
    }

    fn lines(&self) -> impl Iterator<Item = &Vec<String>> {
        std::iter::once(&self.head).chain(&self.rows)
    }

    fn width(&self, column: usize) -> usize {
        self.lines()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    }
}
