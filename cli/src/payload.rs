//! The payload of an action: JSON in the argument itself, on standard input or in a file.
//!
//! A payload that is not JSON is the user's mistake, not the plugin's, and usually a quoting problem. The message shows
//! the position and how to quote.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The maximum number of bytes from standard input or a file: 64 MiB. It is far above the host's limit for payloads, so
/// that a payload that is too large is reported with its size, and an endless stream still ends.
const READ_BYTES_MAX: u64 = 64 << 20;
const BYTE_ORDER_MARK: char = '\u{feff}';
/// The longest line that is shown with a marker below the error.
const SHOWN_CHARACTERS_MAX: usize = 160;

/// Reads PAYLOAD: JSON text, `-` or `@FILE`; absent is `null`.
pub(crate) fn read(argument: Option<&str>) -> Result<String, String> {
    let Some(argument) = argument else {
        return Ok("null".to_owned());
    };
    let (text, origin) = match argument.strip_prefix('@') {
        _ if argument == "-" => (read_bounded(io::stdin().lock(), "standard input")?, "standard input"),
        Some("") => return Err("@ is followed by the name of a file: @data.json".to_owned()),
        Some(path) => (read_file(Path::new(path))?, path),
        None => (argument.to_owned(), "the payload"),
    };
    check(&text, origin)?;
    // White space around a JSON text, such as the line end of `echo`, has no meaning.
    Ok(text.trim().to_owned())
}

/// Reads an argument of `call`: the text itself, or what `-` or `@FILE` names. Neither is WAVE or JSON by itself.
pub(crate) fn read_argument(argument: &str) -> Result<String, String> {
    let text = match argument.strip_prefix('@') {
        _ if argument == "-" => read_bounded(io::stdin().lock(), "standard input")?,
        Some("") => return Err("@ is followed by the name of a file: @data.json".to_owned()),
        Some(path) => read_file(Path::new(path))?,
        None => return Ok(argument.to_owned()),
    };
    Ok(text.trim().to_owned())
}

fn read_file(path: &Path) -> Result<String, String> {
    let origin = path.display().to_string();
    let file = File::open(path).map_err(|error| format!("cannot read the payload from {origin}: {error}"))?;
    read_bounded(file, &origin)
}

fn read_bounded(reader: impl Read, origin: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    reader
        .take(READ_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot read the payload from {origin}: {error}"))?;
    if bytes.len() as u64 > READ_BYTES_MAX {
        return Err(format!("{origin} has more than {} MiB, too many for a payload", READ_BYTES_MAX >> 20));
    }
    let mut text = String::from_utf8(bytes).map_err(|error| format!("{origin} is not UTF-8 text: {error}"))?;
    // The byte order mark, with which some editors and shells on Windows begin files.
    if text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len_utf8());
    }
    Ok(text)
}

fn check(text: &str, origin: &str) -> Result<(), String> {
    let error = match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    let mut message = format!("{origin} is not JSON: {error}");
    if text.trim().is_empty() {
        message.push_str("\n  it is empty: leave it out, or send null");
    } else if text.lines().count() == 1 && text.chars().count() <= SHOWN_CHARACTERS_MAX {
        // serde_json counts bytes, but the marker's position counts characters.
        let before = text.as_bytes().get(..error.column().saturating_sub(1)).unwrap_or(text.as_bytes());
        let column = String::from_utf8_lossy(before).chars().count();
        message.push_str(&format!("\n  {}\n  {:column$}^", text.trim_end(), ""));
    }
    if origin == "the payload" {
        message.push_str("\n  quote it for the shell, as in '{\"name\":\"Ada\"}' or '\"text\"'; - reads standard input, @FILE a file");
    }
    Err(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn payload_left_out_is_null() {
        assert_eq!(read(None), Ok("null".to_owned()));
    }

    #[test]
    fn payload_text_is_taken_as_it_is() {
        assert_eq!(read(Some("{ \"a\": 1.0 }")), Ok("{ \"a\": 1.0 }".to_owned()));
        assert_eq!(read(Some("-5")), Ok("-5".to_owned()));
        assert_eq!(read(Some(" [1]\n")), Ok("[1]".to_owned()));
    }

    #[test]
    fn payload_that_lost_its_quotes_shows_how_to_quote() {
        let error = read(Some("{name:Ada}")).expect_err("not JSON");
        assert!(error.contains("line 1 column 2"), "{error}");
        assert!(error.contains("  {name:Ada}\n   ^"), "{error}");
        assert!(error.contains("'{\"name\":\"Ada\"}'"), "{error}");
    }

    #[test]
    fn marker_is_below_the_character_not_the_byte() {
        let error = read(Some("\"é\" x")).expect_err("trailing characters");
        assert!(error.contains("  \"é\" x\n      ^"), "{error}");
    }

    #[test]
    fn empty_payload_says_what_to_send() {
        assert!(read(Some("")).expect_err("empty").contains("send null"));
    }

    #[test]
    fn argument_of_a_file_is_its_text() {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(b"rectangle((2, 3))\n").expect("written");
        let argument = format!("@{}", file.path().display());
        assert_eq!(read_argument(&argument), Ok("rectangle((2, 3))".to_owned()));
        assert_eq!(read_argument("-1"), Ok("-1".to_owned()));
        assert!(read_argument("@").expect_err("no name").contains("@data.json"));
        assert!(read_argument("@/no/such/file").expect_err("missing").contains("/no/such/file"));
    }

    #[test]
    fn payload_file_is_read_and_named_in_errors() {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(b"[1,\n2,]").expect("written");
        let argument = format!("@{}", file.path().display());
        let error = read(Some(&argument)).expect_err("not JSON");
        assert!(error.contains("line 2 column 3") && error.contains(&argument[1..]), "{error}");
        assert!(read(Some("@/no/such/file")).expect_err("missing").contains("/no/such/file"));
        assert!(read(Some("@")).expect_err("no name").contains("@data.json"));
    }

    #[test]
    fn byte_order_mark_of_a_file_is_no_part_of_the_payload() {
        assert_eq!(read_bounded("\u{feff}{}".as_bytes(), "a file"), Ok("{}".to_owned()));
    }

    #[test]
    fn stream_without_an_end_is_cut_off() {
        let error = read_bounded(io::repeat(b' '), "standard input").expect_err("too long");
        assert!(error.contains("64 MiB"), "{error}");
        assert!(read_bounded(&b"\xff"[..], "standard input").expect_err("not text").contains("UTF-8"));
    }
}
