//! Checks that the README's code compiles, its files are accepted, and its plugin and host are as short as it says.

use crate::harness::command::Plugbay;
use crate::harness::guest::feature;

use super::root;

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The README's code block that contains this line.
fn block(language: &str, line: &str) -> String {
    let readme = read("README.md");
    let fence = format!("\n```{language}\n");
    let blocks = readme.split(&fence).skip(1).filter_map(|rest| rest.split_once("\n```"));
    let mut found = blocks.map(|(block, _)| block).filter(|block| block.lines().any(|found| found.trim() == line));
    found.next().unwrap_or_else(|| panic!("the README shows no {language} with `{line}`")).to_owned()
}

/// The lines of code, without comments and blank lines.
fn code(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//")).collect()
}

#[test]
fn readme_plugin_is_the_example_and_15_lines_at_most() {
    let source = read("example-plugins/hello/src/lib.rs");
    assert_eq!(code(&block("rust", "struct Hello;")), code(&source));
    assert!(code(&source).len() <= 15, "{}", code(&source).len());
}

#[test]
fn readme_host_is_the_library_example_and_10_lines_at_most() {
    let shown = block("rust", "use plugbay::Runtime;");
    let library = read("runtime/src/lib.rs").replace("//! ", "");
    let (_, documented) = library.split_once("```no_run\n").expect("the library opens with an example");
    let (documented, _) = documented.split_once("```").expect("that ends");
    assert_eq!(code(&shown), code(documented));
    assert!(code(&shown).len() <= 10, "{}", code(&shown).len());
}

#[test]
fn manifest_of_the_readme_is_accepted() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::copy(feature::ECHO.path(), directory.path().join("weather.wasm")).expect("copied");
    std::fs::write(directory.path().join("plugin.yaml"), block("yaml", "name: weather")).expect("written");
    Plugbay::new(["check", ".", "--config", "api_key=x"]).directory(directory.path()).run().exits_with(0);
}

#[test]
fn declared_test_of_the_readme_passes() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = block("yaml", "# plugin.test.yaml");
    std::fs::write(directory.path().join("plugin.yaml"), "name: readme\nversion: 1.0.0\nactions: [{ name: echo }]\n")
        .expect("written");
    std::fs::copy(feature::ECHO.path(), directory.path().join("readme.wasm")).expect("copied");
    std::fs::write(directory.path().join("plugin.test.yaml"), text).expect("written");
    Plugbay::new(["test", "."]).directory(directory.path()).run().exits_with(0);
}
