//! The command line of a process: syntax of a shell in it, which the program would get as ordinary words.
//!
//! Pup runs `cmd` with a small shell of its own, so that a `pup.json` may have such syntax.

/// Checks that a command line needs no shell. Text in quotes is passed on as it stands.
///
/// # Errors
/// The problem, with the advice.
pub(super) fn check(line: &str) -> Result<(), String> {
    if let Some(assignment) = assignment(line) {
        return Err(format!("`{assignment}` sets a variable, and `cmd` is not run by a shell; write it in `env`"));
    }
    match syntax(line) {
        None => Ok(()),
        Some(part) => Err(format!(
            "`{part}` is syntax of a shell, and `cmd` is not run by one; write `sh -c '…'`, or put `{part}` in single \
             quotes if it belongs to a word"
        )),
    }
}

/// The first word, if it sets a variable for a command.
fn assignment(line: &str) -> Option<&str> {
    let word = line.split_whitespace().next()?;
    let (name, _) = word.split_once('=')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(is_in_name);
    is_name.then_some(word)
}

/// The first part of a line outside of quotes that has a meaning in a shell only.
fn syntax(line: &str) -> Option<&str> {
    let mut quote = None;
    let mut characters = line.char_indices();
    while let Some((at, character)) = characters.next() {
        let rest = &line[at..];
        match (quote, character) {
            (None | Some('"'), '\\') => _ = characters.next(),
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '&' | '|' | ';' | '<' | '>' | '`') => {
                let length = rest.find(|other| other != character).unwrap_or(rest.len());
                return Some(&rest[..length.min(2)]);
            }
            (None, '$') if rest[1..].starts_with(['{', '(']) => return Some(&rest[..2]),
            (None, '$') if rest[1..].starts_with(is_in_name) => {
                let length = rest[1..].find(|c| !is_in_name(c)).map_or(rest.len(), |length| length + 1);
                return Some(&rest[..length]);
            }
            _ => {}
        }
    }
    None
}

fn is_in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntax_of_a_shell_is_found_outside_of_quotes() {
        for (line, expected) in [
            ("a && b", "&&"),
            ("a || b", "||"),
            ("a|b", "|"),
            ("a; b", ";"),
            ("a >> 'b c'", ">>"),
            ("a 2>&1", ">"),
            ("a < b", "<"),
            ("a &", "&"),
            ("a $HOME/b", "$HOME"),
            ("a ${HOME}", "${"),
            ("a $(b)", "$("),
            ("a `b`", "`"),
            ("'a' \"b\" $1", "$1"),
        ] {
            assert_eq!(syntax(line), Some(expected), "{line}");
            assert!(check(line).is_err_and(|message| message.contains("write `sh -c '…'`")), "{line}");
        }
    }

    #[test]
    fn words_need_no_shell() {
        for line in [
            "deno run --allow-net 'server.ts'",
            "sh -c 'a && b > $HOME'",
            "sh -c \"a | b; echo $HOME\"",
            "find . -name x\\;",
            "a \"b\\\"&\" c",
            "price 5$ $",
            "serve --a=b",
        ] {
            assert_eq!(check(line), Ok(()), "{line}");
        }
    }

    #[test]
    fn variable_in_front_of_a_command_belongs_in_env() {
        assert!(check("PORT=80 serve").expect_err("refused").contains("write it in `env`"));
        assert_eq!(check("/opt/a=b/serve"), Ok(()));
    }
}
