//! One statement in one text: found out before SQLite sees it.
//!
//! rusqlite finds a second statement by preparing what is left, and so on: a text of ten thousand statements would go
//! ten thousand calls deep.

use crate::limits::DB_TRIGGER_STEPS_MAX;

/// Whether the text may be one statement. Only the body of a trigger has semicolons inside.
///
/// # Errors
/// What it is instead.
pub(super) fn check_one_statement(sql: &str) -> Result<(), &'static str> {
    let mut rest = sql.as_bytes();
    let mut inside = 0;
    let mut first_word: Option<bool> = None;
    while let Some((token, after)) = next_token(rest) {
        match token {
            Token::Semicolon => inside += 1,
            Token::Space => {}
            Token::Other(word) => {
                let creates = *first_word.get_or_insert_with(|| word.eq_ignore_ascii_case(b"create"));
                if inside > 0 && (!creates || inside > DB_TRIGGER_STEPS_MAX as usize) {
                    return Err("there is more than one statement: send them one by one");
                }
            }
        }
        rest = after;
    }
    first_word.map(drop).ok_or("there is no statement")
}

enum Token<'a> {
    Semicolon,
    /// Blanks and comments.
    Space,
    Other(&'a [u8]),
}

fn next_token(text: &[u8]) -> Option<(Token<'_>, &[u8])> {
    let first = *text.first()?;
    let until = |end: &[u8], from: usize| {
        let found = text[from.min(text.len())..].windows(end.len()).position(|window| window == end);
        found.map_or(text.len(), |at| from + at + end.len())
    };
    let (bytes, space) = match first {
        b';' => return Some((Token::Semicolon, &text[1..])),
        b'-' if text.starts_with(b"--") => (until(b"\n", 2), true),
        b'/' if text.starts_with(b"/*") => (until(b"*/", 2), true),
        b'\'' | b'"' | b'`' => (until(&[first], 1), false),
        b'[' => (until(b"]", 1), false),
        _ if first.is_ascii_whitespace() => (1, true),
        _ => (text.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == b'_').count().max(1), false),
    };
    let (token, rest) = text.split_at(bytes);
    Some((if space { Token::Space } else { Token::Other(token) }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, one: bool) {
        assert_eq!(check_one_statement(sql).is_ok(), one, "{sql}");
    }

    #[test]
    fn second_statement_is_seen_wherever_it_hides() {
        check("SELECT 1", true);
        check("SELECT 1; ", true);
        check("SELECT 1;;; -- end\n /* really */ ;", true);
        check("SELECT ';', \"a;b\", [c;d], `e;f`; -- ; SELECT 2", true);
        check("SELECT 'it''s; fine'", true);
        check("SELECT 1; SELECT 2", false);
        check("SELECT 1;/**/SELECT 2", false);
        check("SELECT 'a'; DROP TABLE t --", false);
        check("; ; SELECT 1", false);
        check("", false);
        check(" ; -- SELECT 1", false);
        check("SELECT 'not closed; SELECT", true);
    }

    #[test]
    fn only_a_trigger_has_semicolons_inside_and_not_too_many() {
        let body =
            |steps: usize| format!("CREATE TRIGGER t AFTER INSERT ON a BEGIN {} END", "SELECT 1; ".repeat(steps));
        check(&body(10), true);
        check(&body(10_000), false);
        check(&"SELECT 1;".repeat(10_000), false);
    }
}
