//! Checks that files, links, code names and tests that the repository's pages mention exist.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::{files_in, root, texts};

/// The texts between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The targets of links into the repository.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    let inside = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    inside.map(|target| target.split_once('#').map_or(target, |(path, _)| path))
}

#[test]
fn links_of_pages_have_targets() {
    let mut seen = 0;
    for (page, text) in texts(&files_in(""), "md") {
        for link in links(&text) {
            let directory = root().join(page.parent().expect("a directory"));
            assert!(directory.join(link).exists(), "{} links to {link}, which does not exist", page.display());
            seen += 1;
        }
    }
    assert!(seen > 15, "only {seen} links were found");
}

/// Whether a file with this name exists, relative to the root or to any directory.
fn is_there(files: &[PathBuf], name: &str) -> bool {
    files.iter().any(|file| file.ends_with(name))
}

/// The names of sources and pages in a comment or a page.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let of_a_path = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let words = text.split(move |c: char| !of_a_path(c)).map(|word| word.trim_end_matches('.'));
    words.filter(|word| {
        let (stem, extension) = word.rsplit_once('.').unwrap_or_default();
        let is_file = ["rs", "md", "wit"].contains(&extension) && !stem.is_empty();
        is_file && !word.starts_with("//") && !word.contains("docs.rs")
    })
}

#[test]
fn sources_and_pages_that_are_named_exist() {
    let files = files_in("");
    let check = |path: &Path, line: &str| {
        for name in named(line) {
            let there = is_there(&files, name.trim_start_matches("../"));
            assert!(there, "{} names {name}, which does not exist", path.display());
        }
    };
    for (path, text) in texts(&files, "md") {
        text.lines().for_each(|line| check(path, line));
    }
    for (path, text) in texts(&files, "rs") {
        let comments = text.lines().filter_map(|line| line.trim_start().strip_prefix("//"));
        comments.for_each(|line| check(path, line));
    }
}

/// The identifiers in a text.
fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[test]
fn code_names_in_pages_exist_in_the_code() {
    // A header of HTTP, and the pattern of test names.
    const OF_NO_CODE: [&str; 2] = ["Upgrade", "subject_condition_result"];
    let files = files_in("");
    let sources: Vec<String> =
        ["rs", "wit"].iter().flat_map(|kind| texts(&files, kind)).map(|(_, text)| text).collect();
    let known: HashSet<&str> = sources.iter().flat_map(|text| identifiers(text)).collect();
    for page in ["README.md", "ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        let text = std::fs::read_to_string(root().join(page)).expect("readable");
        let lines = text.lines().filter(|line| !line.starts_with("```"));
        for name in lines.flat_map(quoted) {
            let path = name.trim_end_matches("()");
            let is_name = path.split("::").all(|part| identifiers(part).eq([part])) && !OF_NO_CODE.contains(&path);
            let last = path.rsplit("::").next().unwrap_or_default();
            assert!(!is_name || known.contains(last), "{page} names `{name}`, which is in no source");
        }
    }
}

/// The rows of the threat table, and the tests that each row names.
fn threats(page: &str) -> impl Iterator<Item = (&str, Vec<&str>)> {
    let rows = page.lines().skip_while(|line| !line.starts_with("| A hostile plugin")).skip(2);
    rows.take_while(|row| row.starts_with('|')).map(|row| {
        let tests = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        (row, quoted(tests).collect())
    })
}

#[test]
fn tests_that_a_threat_names_exist() {
    let page = std::fs::read_to_string(root().join("SECURITY.md")).expect("readable");
    let mut seen = Vec::new();
    for (row, tests) in threats(&page) {
        assert!(!tests.is_empty(), "no test covers it: {row}");
        for test in tests {
            let places = ["tests/adversarial", "tests", ""].map(|place| Path::new(place).join(test));
            let found = places.into_iter().find(|path| root().join(path).exists());
            seen.push(found.unwrap_or_else(|| panic!("{test} does not exist, but is named in: {row}")));
        }
    }
    assert!(seen.len() > 80, "only {} were found", seen.len());
    for path in files_in("tests/adversarial") {
        let known = seen.contains(&path) || path.ends_with("mod.rs");
        assert!(known, "no row of SECURITY.md names {}", path.display());
    }
}
