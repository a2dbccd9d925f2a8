//! Resource patterns: `db.users`, `cache.*`, `http.*.example.org`, `*`.
//!
//! A `*` stands for any run of characters, dots included, so that `config.*` covers `config.smtp.host`; `?` stands for one
//! character. A backslash takes the meaning from the `*`, `?` or backslash after it, so that every resource, whatever its
//! name holds, has a pattern that covers it alone ([`Pattern::exact`]); before anything else it is a character like others.
//!
//! Matching takes no memory, whatever the pattern, and at most pattern times text steps, of which a caller may allow fewer.

use std::fmt;

/// A glob over resource names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    glob: Box<str>,
    /// Bytes before the first `*`, `?` or backslash: they stand for themselves, and most rules that do not match differ
    /// there.
    literal: usize,
}

/// More steps than were allowed: nobody knows whether the pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManySteps;

impl Pattern {
    /// Any text is a pattern: whether its resource kind exists is the manifest's or policy's business.
    pub fn new(glob: impl Into<Box<str>>) -> Self {
        let glob = glob.into();
        let literal = glob.find(['*', '?', '\\']).unwrap_or(glob.len());
        Pattern { glob, literal }
    }

    /// The pattern that covers this resource and no other.
    pub fn exact(resource: &str) -> Self {
        let mut glob = String::with_capacity(resource.len());
        for character in resource.chars() {
            if matches!(character, '*' | '?' | '\\') {
                glob.push('\\');
            }
            glob.push(character);
        }
        Pattern::new(glob)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.glob
    }

    /// Whether the pattern covers this resource. `log` covers `log` itself; `db.*` does not cover `db`.
    pub fn matches(&self, resource: &str) -> bool {
        let mut steps = usize::MAX;
        self.matches_within(resource, &mut steps) == Ok(true)
    }

    /// The same in no more than `steps`, from which those that it took are subtracted.
    pub(crate) fn matches_within(&self, resource: &str, steps: &mut usize) -> Result<bool, TooManySteps> {
        let (literal, rest) = self.glob.as_bytes().split_at(self.literal);
        match resource.as_bytes().strip_prefix(literal) {
            Some(text) => glob(rest, text, steps),
            None => Ok(false),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.glob)
    }
}

/// What stands at one place of a pattern.
enum Token {
    Run,
    One,
    Byte(u8),
}

/// The token at `at`, and where the next one begins.
fn token(pattern: &[u8], at: usize) -> Option<(Token, usize)> {
    Some(match *pattern.get(at)? {
        b'*' => (Token::Run, at + 1),
        b'?' => (Token::One, at + 1),
        b'\\' => match pattern.get(at + 1) {
            Some(&byte) if matches!(byte, b'*' | b'?' | b'\\') => (Token::Byte(byte), at + 2),
            _ => (Token::Byte(b'\\'), at + 1),
        },
        byte => (Token::Byte(byte), at + 1),
    })
}

/// Greedy matching that goes back to the last star only: linear for patterns with one star.
fn glob(pattern: &[u8], text: &[u8], steps: &mut usize) -> Result<bool, TooManySteps> {
    let (mut p, mut t) = (0, 0);
    // Where to go on after a mismatch: behind the last star, one character of the text later than last time.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        *steps = steps.checked_sub(1).ok_or(TooManySteps)?;
        match token(pattern, p) {
            Some((Token::Run, next)) if next == pattern.len() => return Ok(true),
            Some((Token::Run, next)) => {
                retry = Some((next, t));
                p = next;
            }
            Some((Token::One, next)) => {
                p = next;
                t += width(text[t]);
            }
            Some((Token::Byte(byte), next)) if byte == text[t] => {
                p = next;
                t += 1;
            }
            _ => {
                let Some((behind_star, last)) = retry else { return Ok(false) };
                let from = last + width(text[last]);
                retry = Some((behind_star, from));
                (p, t) = (behind_star, from);
            }
        }
    }
    // What is left of a pattern matches the empty rest of the text if it is stars alone. `t` is beyond the end where the
    // last byte was that of a character cut short, which no `str` holds.
    Ok(pattern.get(p..).is_some_and(|rest| rest.iter().all(|&byte| byte == b'*')))
}

/// How many bytes the character has that begins with this one.
fn width(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, resource: &str, expected: bool) {
        assert_eq!(Pattern::new(pattern).matches(resource), expected, "`{pattern}` on `{resource}`");
    }

    #[test]
    fn pattern_without_wildcards_matches_itself_only() {
        check("log", "log", true);
        check("log", "log.x", false);
        check("log", "lo", false);
        check("", "", true);
        check("", "x", false);
    }

    #[test]
    fn star_matches_any_run() {
        check("*", "", true);
        check("*", "db.users", true);
        check("db.*", "db.users", true);
        check("db.*", "db.a.b", true);
        check("db.*", "db", false);
        check("db.*", "dbx.users", false);
        check("http.*.example.org", "http.api.example.org", true);
        check("http.*.example.org", "http.example.org", false);
        check("*.b.*", "a.b.b.c", true);
        check("a**", "a", true);
    }

    #[test]
    fn question_mark_matches_one_character() {
        check("db.?", "db.a", true);
        check("db.?", "db.", false);
        check("db.?", "db.ab", false);
        check("db.?", "db.ä", true);
        check("db.??", "db.ä", false);
        check("*?", "ä", true);
        check("*??", "ä", false);
        check("*?z", "äöz", true);
    }

    #[test]
    fn backslash_takes_the_meaning_from_a_wildcard() {
        check(r"data.a\*b", "data.a*b", true);
        check(r"data.a\*b", "data.axb", false);
        check(r"data.\?", "data.?", true);
        check(r"data.\?", "data.a", false);
        check(r"data.\\", r"data.\", true);
        check(r"data.\\*", r"data.\anything", true);
        check(r"fs.C:\dir", r"fs.C:\dir", true);
        check(r"a\", r"a\", true);
    }

    #[test]
    fn many_stars_on_a_long_text_end_soon() {
        let text = "a".repeat(10_000);
        check(&"*a".repeat(50), &text, true);
        check(&format!("{}b", "*a".repeat(50)), &text, false);
    }

    #[test]
    fn steps_that_are_not_allowed_are_not_taken() {
        let slow = Pattern::new(format!("*{}b", "a".repeat(100)));
        let text = "a".repeat(10_000);
        let mut steps = 1_000;
        assert_eq!(slow.matches_within(&text, &mut steps), Err(TooManySteps));
        assert_eq!(steps, 0);
        assert_eq!(Pattern::new("aaa*").matches_within(&text, &mut 4), Ok(true), "a last star matches at once");
    }

    /// The definition of a match, without any cleverness.
    fn matches_by_definition(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['*', rest @ ..] => (0..=text.len()).any(|from| matches_by_definition(rest, &text[from..])),
            ['?', rest @ ..] => !text.is_empty() && matches_by_definition(rest, &text[1..]),
            ['\\', literal @ ('*' | '?' | '\\'), rest @ ..] | [literal, rest @ ..] => {
                text.first() == Some(literal) && matches_by_definition(rest, &text[1..])
            }
        }
    }

    /// All texts of these characters up to a length.
    fn texts(characters: &[char], length_max: usize) -> Vec<Vec<char>> {
        let mut all = vec![Vec::new()];
        let mut from = 0;
        for _ in 0..length_max {
            let to = all.len();
            for index in from..to {
                for &character in characters {
                    let mut longer: Vec<char> = all[index].clone();
                    longer.push(character);
                    all.push(longer);
                }
            }
            from = to;
        }
        all
    }

    /// Not a sample: every pattern of up to five and every text of up to four characters out of those that differ in kind.
    #[test]
    fn every_short_pattern_matches_what_the_definition_says() {
        let texts = texts(&['a', 'ä', '*', '\\'], 4);
        for pattern in self::texts(&['a', 'ä', '*', '?', '\\'], 5) {
            let glob = Pattern::new(pattern.iter().collect::<String>());
            for text in &texts {
                let expected = matches_by_definition(&pattern, text);
                assert_eq!(glob.matches(&text.iter().collect::<String>()), expected, "`{glob}` on {text:?}");
            }
        }
    }

    #[test]
    fn exact_pattern_of_every_text_covers_it_alone() {
        let texts: Vec<String> = texts(&['a', '*', '?', '\\'], 4).iter().map(|text| text.iter().collect()).collect();
        for one in &texts {
            let exact = Pattern::exact(one);
            let covered: Vec<&String> = texts.iter().filter(|text| exact.matches(text)).collect();
            assert_eq!(covered, [one], "`{exact}`");
        }
    }
}
