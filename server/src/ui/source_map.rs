//! Source maps, by which a browser's debugger shows the modules of a bundle as they are in `server/ui`.

use serde_json::json;

use super::sources::Source;

/// The place of a line: the index of its source, and the number of the line there, from 0.
pub(super) type Origin = (usize, usize);

/// The source map for a text with these lines. Lines without an origin are the bundle's own.
pub(super) fn source_map(sources: &[&Source], lines: &[Option<Origin>]) -> String {
    let map = json!({
        "version": 3,
        "sources": sources.iter().map(|source| format!("../{}", source.path)).collect::<Vec<_>>(),
        "sourcesContent": sources.iter().map(|source| source.content).collect::<Vec<_>>(),
        "names": [],
        "mappings": mappings(lines),
    });
    map.to_string()
}

/// For each line its column 0, as differences from the line before.
fn mappings(lines: &[Option<Origin>]) -> String {
    let mut text = String::new();
    let mut last = (0, 0);
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            text.push(';');
        }
        if let Some((source, number)) = *line {
            text.push('A');
            push_difference(&mut text, last.0, source);
            push_difference(&mut text, last.1, number);
            text.push('A');
            last = (source, number);
        }
    }
    text
}

/// Appends a difference in the format's digits of base 64, five bits each, with the sign in the lowest bit.
fn push_difference(text: &mut String, from: usize, to: usize) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut rest = (from.abs_diff(to) << 1) | usize::from(to < from);
    loop {
        let goes_on = rest > 31;
        let digit = (rest & 31) | (usize::from(goes_on) << 5);
        text.push(char::from(DIGITS[digit]));
        rest >>= 5;
        if !goes_on {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_differences_in_base_64() {
        assert_eq!(mappings(&[None, Some((0, 0)), Some((0, 3)), Some((2, 1)), None]), ";AAAA;AAGA;AEFA;");
        let far = mappings(&[Some((0, 16)), Some((0, 600)), Some((0, 0))]);
        assert_eq!(far, "AAgBA;AAwkBA;AAxlBA");
    }
}
