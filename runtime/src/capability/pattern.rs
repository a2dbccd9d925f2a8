//! Resource patterns: `db.users`, `cache.*`, `http.*.example.org`, `*`.
//!
//! A `*` stands for any run of characters, dots included, so that `config.*` covers `config.smtp.host`; `?` stands for one
//! character. Matching takes time in proportion to pattern times text and no memory, whatever the pattern.

use std::fmt;

/// A glob over resource names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// Any text is a pattern: whether its resource kind exists is the manifest's or policy's business.
    pub fn new(glob: impl Into<Box<str>>) -> Self {
        Pattern(glob.into())
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the pattern covers this resource. `log` covers `log` itself; `db.*` does not cover `db`.
    pub fn matches(&self, resource: &str) -> bool {
        glob(self.0.as_bytes(), resource.as_bytes())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Greedy matching that goes back to the last star only: linear for patterns with one star.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star_p, star_t)) = star else { return false };
                star = Some((star_p, star_t + 1));
                p = star_p + 1;
                t = star_t + 1;
            }
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
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
    fn question_mark_matches_one_byte() {
        check("db.?", "db.a", true);
        check("db.?", "db.", false);
        check("db.?", "db.ab", false);
    }

    #[test]
    fn many_stars_on_a_long_text_end_soon() {
        let text = "a".repeat(10_000);
        check(&"*a".repeat(50), &text, true);
        check(&format!("{}b", "*a".repeat(50)), &text, false);
    }
}
