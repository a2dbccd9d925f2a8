//! Resource patterns: `db.users`, `cache.*`, `http.*.example.org`, `*`.
//!
//! A `*` matches any run of characters, dots included, so that `config.*` covers `config.smtp.host`; `?` matches one
//! character. A backslash escapes a following `*`, `?` or backslash, so that every resource has a pattern that covers
//! it alone ([`Pattern::exact`]); before any other character it is an ordinary character.
//!
//! Names of tables (`db.…`) are compared as in SQLite, ignoring the case of ASCII letters: `db.users` and `db.USERS`
//! are one table. All other names are compared byte by byte.
//!
//! Matching allocates no memory and takes at most pattern length times text length steps; a caller may allow fewer.

use std::fmt;

/// The bit of each of four bytes by which ASCII letters differ in case.
const CASE: u32 = 0x2020_2020;

/// A glob pattern for resource names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    glob: Box<str>,
    /// The number of bytes before the first `*`, `?` or backslash. They match literally, and most rules that do not
    /// match already differ in them.
    literal: usize,
    /// Up to four of these bytes, with the bit of [`CASE`] set.
    head: u32,
    /// The bits of `head` that are compared.
    compared: u32,
    /// Whether the case of ASCII letters is ignored.
    ignores_case: bool,
}

/// Matching exceeded the allowed number of steps, so the result is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManySteps;

impl Pattern {
    /// Creates a pattern. Any text is valid: manifests and policies check whether its resource kind exists.
    pub fn new(glob: impl Into<Box<str>>) -> Self {
        let glob = glob.into();
        let literal = glob.find(['*', '?', '\\']).unwrap_or(glob.len());
        let ignores_case = glob.starts_with("db.");
        let start = &glob.as_bytes()[..literal.min(4)];
        let (mut head, mut compared) = ([0; 4], [0; 4]);
        head[..start.len()].copy_from_slice(start);
        compared[..start.len()].fill(0xff);
        let compared = u32::from_ne_bytes(compared);
        let head = (u32::from_ne_bytes(head) | CASE) & compared;
        Pattern { glob, literal, head, compared, ignores_case }
    }

    /// Returns `false` if the first bytes show that the pattern does not match: most rules are about other resources.
    /// It never does for a resource that the pattern matches, in whatever case it is compared.
    #[inline]
    pub(crate) fn may_match(&self, resource: &str) -> bool {
        match resource.as_bytes().first_chunk() {
            Some(first) => (u32::from_ne_bytes(*first) | CASE) & self.compared == self.head,
            None => true,
        }
    }

    /// Creates the pattern that covers this resource and no other.
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

    /// Returns the pattern's text.
    pub fn as_str(&self) -> &str {
        &self.glob
    }

    /// Returns whether the pattern covers this resource. `log` covers only `log` itself; `db.*` does not cover `db`.
    pub fn matches(&self, resource: &str) -> bool {
        let mut steps = usize::MAX;
        self.matches_within(resource, &mut steps) == Ok(true)
    }

    /// Like [`Pattern::matches`], but takes at most `steps`, from which the steps taken are subtracted.
    pub(crate) fn matches_within(&self, resource: &str, steps: &mut usize) -> Result<bool, TooManySteps> {
        let (literal, rest) = self.glob.as_bytes().split_at(self.literal);
        match resource.as_bytes().split_at_checked(self.literal) {
            Some((start, text)) if start == literal || self.ignores_case && start.eq_ignore_ascii_case(literal) => {
                glob(rest, text, self.ignores_case, steps)
            }
            _ => Ok(false),
        }
    }

    /// Returns whether this pattern matches everything that the other one matches. The comparison is a single pass from
    /// left to right and may miss a cover: it returns `false` for `?*` and `*?`.
    pub(crate) fn covers(&self, other: &Pattern) -> bool {
        // A run matches any tokens of the other; any other token matches one that allows no more.
        let (mine, theirs) = (self.tokens(self.ignores_case), other.tokens(self.ignores_case));
        let mut reached = vec![false; mine.len() + 1];
        reached[0] = true;
        let skip_runs = |reached: &mut Vec<bool>| {
            for at in 0..mine.len() {
                if reached[at] && mine[at] == Piece::Run {
                    reached[at + 1] = true;
                }
            }
        };
        skip_runs(&mut reached);
        for piece in &theirs {
            let mut next = vec![false; mine.len() + 1];
            for (at, own) in mine.iter().enumerate().filter(|(at, _)| reached[*at]) {
                match own {
                    Piece::Run => next[at] = true,
                    Piece::One if *piece != Piece::Run => next[at + 1] = true,
                    own if own == piece => next[at + 1] = true,
                    _ => {}
                }
            }
            reached = next;
            skip_runs(&mut reached);
        }
        reached[mine.len()]
    }

    /// Returns whether the pattern matches some text that is longer than `prefix` and begins with it.
    pub(crate) fn reaches_beyond(&self, prefix: &str) -> bool {
        // The rest of a pattern after a prefix always matches some text; for a longer text there must be a rest.
        let mine = self.tokens(false);
        let mut reached = vec![0];
        for character in prefix.chars() {
            let mut next = Vec::new();
            for &at in &reached {
                for (skipped, own) in mine[at..].iter().enumerate() {
                    match own {
                        Piece::Run => next.push(at + skipped),
                        Piece::One => next.push(at + skipped + 1),
                        Piece::Character(own) if *own == character => next.push(at + skipped + 1),
                        Piece::Character(_) => {}
                    }
                    if *own != Piece::Run {
                        break;
                    }
                }
            }
            next.sort_unstable();
            next.dedup();
            reached = next;
        }
        reached.iter().any(|at| *at < mine.len())
    }

    fn tokens(&self, lower_case: bool) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut rest = self.glob.chars().map(|c| if lower_case { c.to_ascii_lowercase() } else { c }).peekable();
        while let Some(character) = rest.next() {
            pieces.push(match character {
                '*' => Piece::Run,
                '?' => Piece::One,
                '\\' => match rest.next_if(|next| matches!(next, '*' | '?' | '\\')) {
                    Some(literal) => Piece::Character(literal),
                    None => Piece::Character('\\'),
                },
                other => Piece::Character(other),
            });
        }
        pieces
    }
}

/// A token of a pattern, by characters, for comparing patterns. That happens when rules are written, not on each
/// access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Run,
    One,
    Character(char),
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.glob)
    }
}

/// A token at one position of a pattern.
enum Token {
    Run,
    One,
    Byte(u8),
}

/// Returns the token at `at` and the position of the next one.
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

/// Matches greedily and backtracks to the last star only, which is linear for patterns with one star.
fn glob(pattern: &[u8], text: &[u8], ignores_case: bool, steps: &mut usize) -> Result<bool, TooManySteps> {
    let (mut p, mut t) = (0, 0);
    // Where to resume after a mismatch: after the last star, one character later in the text than before.
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
            Some((Token::Byte(byte), next))
                if byte == text[t] || ignores_case && byte.eq_ignore_ascii_case(&text[t]) =>
            {
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
    // The rest of the pattern matches the empty rest of the text if it consists of stars. `t` is past the end only
    // after a truncated character, which a `str` cannot contain.
    Ok(pattern.get(p..).is_some_and(|rest| rest.iter().all(|&byte| byte == b'*')))
}

/// Returns the length in bytes of the character that begins with this byte.
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
        let made = Pattern::new(pattern);
        assert_eq!(made.matches(resource), expected, "`{pattern}` on `{resource}`");
        assert!(made.may_match(resource) || !expected, "the first bytes of `{pattern}` and `{resource}`");
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
    fn tables_are_compared_as_sqlite_compares_them() {
        check("db.users", "db.USERS", true);
        check("db.Us*rs", "db.uSERs", true);
        check("db.users", "db.user", false);
        check("db.ü", "db.Ü", false);
        check("data.users", "data.USERS", false);
        check("*", "db.USERS", true);
        assert!(Pattern::new("db.U*").covers(&Pattern::new("db.users")));
        assert!(!Pattern::new("data.U*").covers(&Pattern::new("data.users")));
    }

    #[test]
    fn first_bytes_tell_most_resources_apart() {
        let differs = |pattern: &str, resource: &str| !Pattern::new(pattern).may_match(resource);
        assert!(differs("data.key", "db.users"));
        assert!(differs("d*", "cache.x"));
        assert!(!differs("", "log"), "nothing is known of an empty pattern, nor of a short text");
        assert!(!differs("data.a", "data.b"));
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

    /// The definition of a match, as plainly as possible.
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

    /// Returns all texts of these characters up to a length.
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

    /// Exhaustive: every pattern of up to five and every text of up to four characters, with one of each kind.
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

    /// Compared with the definition, for all short texts that the other pattern matches.
    #[test]
    fn pattern_that_covers_another_matches_all_that_it_matches() {
        let texts: Vec<String> = texts(&['a', 'b', '*'], 4).iter().map(|text| text.iter().collect()).collect();
        let patterns: Vec<Pattern> = self::texts(&['a', '*', '?', '\\'], 4)
            .iter()
            .map(|glob| Pattern::new(glob.iter().collect::<String>()))
            .collect();
        for one in &patterns {
            for other in patterns.iter().filter(|other| one.covers(other)) {
                let missed = texts.iter().find(|text| other.matches(text) && !one.matches(text));
                assert_eq!(missed, None, "`{one}` does not cover `{other}`");
            }
            assert!(one.covers(one) && Pattern::new("*").covers(one), "`{one}`");
        }
        let covers = |one: &str, other: &str| Pattern::new(one).covers(&Pattern::new(other));
        assert!(
            covers("db.*", "db.users") && covers("db.*", "db.u*s") && covers("a?c", "abc") && covers("a*c*", "a?cd")
        );
        assert!(!covers("db.users", "db.*") && !covers("db.?", "db.*") && !covers("db.*", "*") && !covers(r"\*", "*"));
    }

    #[test]
    fn pattern_reaches_beyond_a_prefix_if_it_matches_something_longer() {
        let texts: Vec<String> = texts(&['a', 'b', '*'], 4).iter().map(|text| text.iter().collect()).collect();
        for glob in self::texts(&['a', 'b', '*', '?'], 3) {
            let pattern = Pattern::new(glob.iter().collect::<String>());
            for prefix in texts.iter().filter(|text| text.len() < 3) {
                let longer = |text: &&String| text.starts_with(prefix.as_str()) && text.len() > prefix.len();
                let expected = texts.iter().filter(longer).any(|text| pattern.matches(text));
                assert_eq!(pattern.reaches_beyond(prefix), expected, "`{pattern}` beyond `{prefix}`");
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
