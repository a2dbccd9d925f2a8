//! JSON with comments, as Pup's configuration is written: comments and commas before a closing bracket become blanks,
//! so that lines and columns of problems are those of the file.

/// Returns the text with blanks in place of comments and of trailing commas. Line breaks stay.
pub(super) fn blanked(text: &str) -> String {
    let mut blanked = String::with_capacity(text.len());
    let mut rest = text;
    // The position of the last comma after which only blanks and comments have come.
    let mut comma = None;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string_length(rest),
            '/' if rest.starts_with("//") => {
                let length = rest.find('\n').unwrap_or(rest.len());
                blank(&rest[..length], &mut blanked);
                rest = &rest[length..];
                continue;
            }
            '/' if rest.starts_with("/*") => {
                // A comment that is not closed stays, and is the parser's problem.
                let Some(end) = rest[2..].find("*/") else {
                    blanked.push_str(rest);
                    break;
                };
                let length = end + 4;
                blank(&rest[..length], &mut blanked);
                rest = &rest[length..];
                continue;
            }
            ']' | '}' => {
                if let Some(comma) = comma {
                    blanked.replace_range(comma..comma + 1, " ");
                }
                1
            }
            other => other.len_utf8(),
        };
        match first {
            ',' => comma = Some(blanked.len()),
            blank if blank.is_ascii_whitespace() => {}
            _ => comma = None,
        }
        blanked.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    blanked
}

/// The bytes of the string at the beginning of the text, with its quotation marks.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn blank(comment: &str, blanked: &mut String) {
    blanked.extend(comment.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(blanked(text), expected);
    }

    #[test]
    fn blanked_comment_becomes_blanks_outside_of_strings() {
        check("{ // a\n}", "{     \n}");
        check("[/* a\nb */1]", "[    \n    1]");
        check(r#"["// a", "\"/* b */"]"#, r#"["// a", "\"/* b */"]"#);
    }

    #[test]
    fn blanked_trailing_comma_becomes_a_blank() {
        check("[1, 2, ]", "[1, 2  ]");
        check("{\"a\": [1,],\n// c\n}", "{\"a\": [1 ] \n    \n}");
        check("[1,,2]", "[1,,2]");
        check(r#"[",]"]"#, r#"[",]"]"#);
    }

    #[test]
    fn host_file_with_comments_is_read_and_its_problems_have_their_lines() {
        use crate::{Format, HostFile};

        let read = |text: &str| HostFile::parse("pup.json", text, Format::Json);
        let text = "{ /* all\n of them */ \"processes\": [\n// one\n{ \"id\": \"web\", \"cmd\": \"a // b\", },],\n}";
        assert_eq!(read(text).expect("valid").supervision.processes[0].cmd, "a // b");
        let error = read("{ // a\n \"processes\" [] }").expect_err("no colon").to_string();
        assert!(error.contains("line 2"), "{error}");
    }

    #[test]
    fn blanked_comment_without_an_end_is_left_to_the_parser() {
        check("[1] /* a", "[1] /* a");
        check("\"abc", "\"abc");
    }
}
