//! One line of the table: the figures of all contenders for one work, and what mconn is to reach.

use super::contender::Contender;
use super::quantile::median;

/// One figure a round of each contender.
#[derive(Clone, Debug)]
pub struct Line<C> {
    pub work: String,
    pub unit: Unit,
    pub figures: Vec<(C, Vec<f64>)>,
    pub floors: Vec<Floor<C>>,
}

#[derive(Clone, Copy, Debug)]
pub enum Unit {
    BytesPerSecond,
    Microseconds,
    Milliseconds,
    PerSecond,
    Share,
}

/// What mconn's figure is to be: by itself, or divided by another contender's.
#[derive(Clone, Copy, Debug)]
pub struct Floor<C> {
    pub beside: Option<C>,
    pub bound: Bound,
}

#[derive(Clone, Copy, Debug)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl<C: Contender> Line<C> {
    /// The cells of the table, as the head of the table names them.
    pub fn cells(&self) -> Vec<String> {
        let mut cells = vec![self.work.clone()];
        for of in C::COLUMNS {
            cells.push(shown(self.figure(*of), |figure| self.unit.show(figure)));
        }
        for of in C::OTHERS {
            cells.push(shown(self.ratio(*of), |ratio| format!("{ratio:.2}")));
        }
        cells.push(
            self.floors
                .iter()
                .map(|floor| self.verdict(*floor))
                .collect::<Vec<_>>()
                .join(", "),
        );
        cells
    }

    /// How many floors there are, and how many of them are reached.
    pub fn score(&self) -> (usize, usize) {
        (
            self.floors.len(),
            self.floors
                .iter()
                .filter(|floor| self.reached(**floor))
                .count(),
        )
    }

    /// The median of a contender's rounds.
    fn figure(&self, of: C) -> Option<f64> {
        self.rounds(of).map(median)
    }

    /// The median over the rounds of mconn's figure divided by the other's of the same round.
    fn ratio(&self, other: C) -> Option<f64> {
        let pairs = self.rounds(C::OURS)?.iter().zip(self.rounds(other)?);
        Some(median(
            &pairs
                .map(|(ours, theirs)| ours / theirs)
                .collect::<Vec<_>>(),
        ))
    }

    fn rounds(&self, of: C) -> Option<&[f64]> {
        let (_, rounds) = self
            .figures
            .iter()
            .find(|(contender, _)| *contender == of)?;
        Some(rounds)
    }

    fn reached(&self, floor: Floor<C>) -> bool {
        let figure = match floor.beside {
            Some(other) => self.ratio(other),
            None => self.figure(C::OURS),
        };
        figure.is_some_and(|figure| match floor.bound {
            Bound::AtLeast(least) => figure >= least,
            Bound::AtMost(most) => figure <= most,
        })
    }

    fn verdict(&self, floor: Floor<C>) -> String {
        let (sign, value) = match floor.bound {
            Bound::AtLeast(least) => ('≥', least),
            Bound::AtMost(most) => ('≤', most),
        };
        let bound = match floor.beside {
            Some(other) => format!("{sign} {value} {}", other.name()),
            None => format!("{sign} {}", self.unit.show(value)),
        };
        format!("{} {bound}", if self.reached(floor) { '✓' } else { '✗' })
    }
}

impl Unit {
    /// Of a figure in bytes, seconds or shares of one.
    fn show(self, figure: f64) -> String {
        match self {
            Self::BytesPerSecond if figure >= 1e9 => format!("{:.2} GB/s", figure / 1e9),
            Self::BytesPerSecond => format!("{:.1} MB/s", figure / 1e6),
            Self::Microseconds => format!("{:.1} µs", figure * 1e6),
            Self::Milliseconds => format!("{:.3} ms", figure * 1e3),
            Self::PerSecond => format!("{figure:.0} /s"),
            Self::Share => format!("{:.1} %", figure * 100.0),
        }
    }
}

impl<C: Contender> Floor<C> {
    pub const fn at_least(beside: C, ratio: f64) -> Self {
        Self {
            beside: Some(beside),
            bound: Bound::AtLeast(ratio),
        }
    }

    pub const fn at_most(beside: C, ratio: f64) -> Self {
        Self {
            beside: Some(beside),
            bound: Bound::AtMost(ratio),
        }
    }

    pub const fn alone(bound: Bound) -> Self {
        Self {
            beside: None,
            bound,
        }
    }
}

fn shown(value: Option<f64>, show: impl FnOnce(f64) -> String) -> String {
    value
        .filter(|value| value.is_finite())
        .map_or_else(|| "–".to_owned(), show)
}
