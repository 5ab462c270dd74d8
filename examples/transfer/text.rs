//! Text from a peer, made fit to be shown.

/// What could move the cursor, ring, break the line or turn it around becomes a mark.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if is_printable(c) {
                c
            } else {
                char::REPLACEMENT_CHARACTER
            }
        })
        .collect()
}

/// The beginning of a text that should be short and may not be.
pub(crate) fn printable_start(text: &str) -> String {
    let start = cut(text, MAX_SHOWN);
    let rest = if start.len() < text.len() { "…" } else { "" };
    printable(start) + rest
}

pub(crate) fn is_printable(c: char) -> bool {
    let turns_around =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks_line = matches!(c, '\u{2028}' | '\u{2029}');
    !(c.is_control() || turns_around || breaks_line)
}

/// The longest beginning that has at most `max` bytes.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len()))
        .rev()
        .find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

/// Bytes of a name or a reason in one line of output.
const MAX_SHOWN: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_a_peer_cannot_steer_the_terminal() {
        assert_eq!(printable("hello, wörld"), "hello, wörld");
        assert_eq!(
            printable("\x1b]0;title\x07a\r\nb\u{202e}"),
            "\u{fffd}]0;title\u{fffd}a\u{fffd}\u{fffd}b\u{fffd}"
        );
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("é", 0), "");
        assert_eq!(printable_start("short"), "short");
        let shown = printable_start(&"é".repeat(MAX_SHOWN));
        assert_eq!(shown, format!("{}…", "é".repeat(MAX_SHOWN / 2)));
    }
}
