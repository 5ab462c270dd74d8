//! Blocks of a Markdown file between two marks that name them.

/// The text with the block exchanged; none if it has no such block.
pub fn splice(text: &str, name: &str, block: &str) -> Option<String> {
    let (before, rest) = text.split_once(&format!("<!-- begin {name} -->"))?;
    let end = format!("<!-- end {name} -->");
    let (_, after) = rest.split_once(&end)?;
    let block = block.trim();
    Some(format!(
        "{before}<!-- begin {name} -->\n\n{block}\n\n{end}{after}"
    ))
}
