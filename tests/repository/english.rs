//! The repository's English: phrases that a reader stumbles over are refused in comments, texts and pages.
//!
//! The list is CONTRIBUTING.md's advice in a form that can be checked: name the role that acts (the caller, the
//! operator, the plugin author) or use the passive, define instead of hinting, and use the field's terms. It catches
//! habits, not bad writing as such.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::{files_in, root};

/// The longest line of a comment, in characters. rustfmt leaves comments alone.
const COMMENT_CHARACTERS_MAX: usize = 120;

/// Phrases, and what to write instead.
const PHRASES: [(&str, &str); 16] = [
    (r"\b(?i:whoever|whomever)\b", "name the role, or use the passive"),
    (r"\b(?i:somebody|nobody|everybody|anybody)\b", "name the role, or use the passive; `nothing`, `all`"),
    (r"\b(is|are|was|were|be|been|being|gets?) told\b", "returns, reports, receives, prints"),
    (r"\b(?i:tells?|told)\b", "returns, reports, says, prints"),
    (r"\ba (no|yes)\b", "denial, approval"),
    (r"\bfor ever\b", "forever"),
    (r"\bso (many|much) (bytes|keys|calls|clients|times|lines|rows|units|characters|others)\b", "n bytes, this many"),
    (r"\b(?i:belongs?) into\b", "belongs in"),
    (r"\belse than\b", "other than"),
    (
        r"\b(it|that|this|which|one) (is|was) no (action|plugin|error|component|name|number|text|JSON|file)\b",
        "is not a …",
    ),
    (r"\bat home\b", "scoped, stored"),
    (r"\bbooks\b", "counters, records"),
    (r"\b(has|have|is|its|no|their) room\b", "size, space, capacity"),
    (r"(^|[.:;] )(?i:what) \w+ (is|are) \w+ (is|are)\b", "a noun: `configured values are`"),
    (r"\bwith nobody in between\b", "atomically"),
    (r"\w ,", "no blank before a comma"),
];

/// Places where a phrase is meant as it stands: file, and a part of the line. This list may only shrink.
const ALLOWED: [(&str, &str); 2] = [("manifest/src/version.rs", "!=1.5 , <2"), ("tests/guests/src/http.rs", "NoBody")];

static COMPILED: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    PHRASES.iter().map(|(phrase, instead)| (Regex::new(phrase).expect("a pattern"), *instead)).collect()
});

/// The part of a line that people read: comments and texts of sources, all of a page.
fn prose<'a>(file: &Path, line: &'a str) -> Vec<&'a str> {
    let after = |mark: &str| line.find(mark).map(|at| &line[at..]);
    match file.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "rs" if line.trim_start().starts_with("//") => vec![line],
        "rs" => texts_in(line).chain(after(" // ")).collect(),
        "wit" => after("//").into_iter().collect(),
        "yaml" | "yml" | "toml" => after("#").into_iter().collect(),
        "md" | "in" => vec![line],
        _ if file.ends_with("justfile") || file.ends_with(".ci/run") => after("#").into_iter().collect(),
        _ => Vec::new(),
    }
}

/// What stands between quotation marks.
fn texts_in(line: &str) -> impl Iterator<Item = &str> {
    let is_mark = |(at, _): &(usize, &str)| !line[..*at].ends_with('\\');
    let marks: Vec<usize> = line.match_indices('"').filter(is_mark).map(|(at, _)| at).collect();
    // A text that goes on from the line before, or to the next one, is looked at as a whole line.
    let whole = (marks.len() % 2 == 1).then_some(line);
    let pairs: Vec<&str> = marks.chunks_exact(2).map(|pair| &line[pair[0] + 1..pair[1]]).collect();
    pairs.into_iter().chain(whole)
}

fn is_left_alone(file: &Path) -> bool {
    let name = file.to_string_lossy().replace('\\', "/");
    name.contains("wit/deps/") || name.contains("golden/") || name.ends_with("repository/english.rs")
}

#[test]
fn prose_avoids_the_phrases_that_readers_stumble_over() {
    let mut found = Vec::new();
    let mut used = [false; ALLOWED.len()];
    for file in files_in("").into_iter().filter(|file| !is_left_alone(file)) {
        let Ok(text) = std::fs::read_to_string(root().join(&file)) else { continue };
        for (number, line) in text.lines().enumerate() {
            let parts = prose(&file, line);
            let Some((regex, instead)) =
                COMPILED.iter().find(|(regex, _)| parts.iter().any(|part| regex.is_match(part)))
            else {
                continue;
            };
            let allowed = ALLOWED.iter().position(|(place, part)| file.ends_with(place) && line.contains(part));
            match allowed {
                Some(index) => used[index] = true,
                None => found.push(format!(
                    "{}:{}: `{}` ({instead}): {}",
                    file.display(),
                    number + 1,
                    regex.as_str(),
                    line.trim()
                )),
            }
        }
    }
    assert!(found.is_empty(), "{} places:\n{}", found.len(), found.join("\n"));
    let unused: Vec<_> = ALLOWED.iter().zip(used).filter(|(_, used)| !used).map(|(entry, _)| entry).collect();
    assert!(unused.is_empty(), "no line needs these exceptions any more: {unused:?}");
}

#[test]
fn comment_lines_are_at_most_120_characters_long() {
    let mut found = Vec::new();
    for file in files_in("").into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        let text = std::fs::read_to_string(root().join(&file)).expect("UTF-8");
        for (number, line) in text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with("//")) {
            if line.chars().count() > COMMENT_CHARACTERS_MAX {
                found.push(format!("{}:{}", file.display(), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "{} lines of comments are too long:\n{}", found.len(), found.join("\n"));
}
