//! Output: the result alone on standard output; log, notes and errors on standard error.
//!
//! Much of the text comes from untrusted plugins. [`plain`] escapes its control characters, and continued lines are
//! indented, so that a plugin cannot forge a line of the host or of another plugin.

use std::any::Any;
use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use plugbay_project::BuildObserver;
use serde::Serialize;

use crate::progress::Progress;
use crate::stderr;

pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default().bold();
pub(crate) const CYAN: Style = AnsiColor::Cyan.on_default();
pub(crate) const DIM: Style = Style::new().dimmed();

/// The output options of this run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// One JSON document on standard output, for errors too.
    pub(crate) json: bool,
    /// No notes, no log, no progress.
    pub(crate) quiet: bool,
}

impl Output {
    /// Prints the result, with a line end if it has none.
    pub(crate) fn result(&self, text: &str) -> io::Result<()> {
        stderr::flush();
        let mut stdout = anstream::stdout().lock();
        let end = if text.ends_with('\n') { "" } else { "\n" };
        // A reader that stops early, such as `head`, is not an error.
        match write!(stdout, "{text}{end}").and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }

    /// Prints the result unchanged, without styling or stripping.
    pub(crate) fn raw_result(&self, text: &str) -> io::Result<()> {
        stderr::flush();
        let mut stdout = io::stdout().lock();
        let written =
            stdout.write_all(text.as_bytes()).and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush());
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }

    /// Prints a plugin's JSON result unchanged, or on a terminal with its control characters escaped.
    pub(crate) fn json_result(&self, json: &str) -> io::Result<()> {
        if io::stdout().is_terminal() { self.raw_result(&harmless_json(json)) } else { self.raw_result(json) }
    }

    /// Prints one JSON document, indented.
    pub(crate) fn document(&self, value: &impl Serialize) -> io::Result<()> {
        self.raw_result(&serde_json::to_string_pretty(value)?)
    }

    /// Prints a note, which is neither result nor error.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            to_stderr(&format!("{CYAN}note:{CYAN:#} {}", plain(text)));
        }
    }
}

impl BuildObserver for Output {
    fn is_quiet(&self) -> bool {
        self.quiet
    }

    fn shows_compiler(&self) -> bool {
        true
    }

    fn note(&self, text: &str) {
        Output::note(self, text);
    }

    fn begin(&self, what: String) -> Box<dyn Any> {
        Box::new(Progress::start(what, self.quiet))
    }
}

/// Prints a line on standard error, above the spinner. A closed standard error is not an error.
pub(crate) fn to_stderr(line: &str) {
    stderr::write(line.to_owned());
}

/// Text with its control characters escaped, except line ends and tabs, so that terminals do not interpret them.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| (c.is_control() && c != '\n' && c != '\t') || is_bidirectional_control(c);
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if obeyed(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// The same JSON value without characters that a terminal interprets. In strings JSON can escape them; elsewhere there
/// is only white space.
fn harmless_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            '\r' => shown.push(' '),
            c if c.is_control() || is_bidirectional_control(c) => shown.push_str(&format!("\\u{:04x}", c as u32)),
            c => shown.push(c),
        }
    }
    shown
}

/// Whether the character reorders text, so that a line looks different from its content.
fn is_bidirectional_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text as one word of a POSIX shell.
pub(crate) fn shell_word(text: &str) -> Cow<'_, str> {
    // Quoting fails for NUL characters only, and only unless they are allowed.
    shlex::Quoter::new().allow_nul(true).quote(text).unwrap_or_default()
}

/// Text in which all lines after the first begin with `indent`. Lines that are indented further stay unchanged.
pub(crate) fn indented<'a>(text: &'a str, indent: &str) -> Cow<'a, str> {
    let text = text.trim_end();
    if !text.contains('\n') {
        return Cow::Borrowed(text);
    }
    let lines = text.split('\n').enumerate().map(|(index, line)| match index {
        0 => Cow::Borrowed(line),
        _ if line.is_empty() || line.starts_with(indent) => Cow::Borrowed(line),
        _ => Cow::Owned(format!("{indent}{line}")),
    });
    Cow::Owned(lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_not_obeyed() {
        assert_eq!(plain("a\x1b[31mb\rc\u{9b}d"), "a\\u{1b}[31mb\\rc\\u{9b}d");
        assert_eq!(plain("x\u{202e}y\u{200f}z"), "x\\u{202e}y\\u{200f}z");
        assert!(matches!(plain("naïve\n\ttext"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_for_a_terminal_is_the_same_value() {
        let json = "{\r\n\"a\": \"x\u{9b}31m\u{202e}\u{7f}é\"}";
        let shown = harmless_json(json);
        assert_eq!(shown, "{ \n\"a\": \"x\\u009b31m\\u202e\\u007fé\"}");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(value(&shown), value(json));
    }

    #[test]
    fn word_is_quoted_for_the_shell_where_it_must_be() {
        assert_eq!(shell_word("plugins/demo-1"), "plugins/demo-1");
        assert_eq!(shell_word("my plugins/it's"), r#""my plugins/it's""#);
        assert_eq!((shell_word(""), shell_word("cache.*:read")), ("''".into(), "'cache.*:read'".into()));
        // No rule may have control characters in it, but a plugin may ask for any name.
        assert_eq!(shell_word("data.x\0; rm y"), "'data.x\0; rm y'");
    }

    #[test]
    fn continued_lines_are_indented() {
        assert_eq!(indented("one\ntwo\n", "    "), "one\n    two");
        assert_eq!(indented("one\n\n     two\n three", "    "), "one\n\n     two\n     three");
        assert_eq!(indented("one\n", "    "), "one");
    }
}
