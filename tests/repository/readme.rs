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

#[test]
fn served_plugins_of_the_readme_answer() {
    use std::io::{BufRead, BufReader};

    let serve = block("sh", "plugbay serve example-plugins/hello example-plugins/items");
    let mut words: Vec<&str> = serve.split_whitespace().skip(1).collect();
    words.extend(["--address", "127.0.0.1:0", "--json"]);
    let mut child = Plugbay::new(words).directory(root()).start();
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("text");
    let printed: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let url = printed["url"].as_str().expect("a URL");
    let requests = block("sh", "curl http://127.0.0.1:7070/plugins/routes").replace("http://127.0.0.1:7070", url);
    let answers =
        std::process::Command::new("sh").arg("-ec").arg(requests.replace("curl ", "curl -sfw '\\n' ")).output();
    let answers = String::from_utf8(answers.expect("there is a shell").stdout).expect("text");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let lines: Vec<&str> = answers.lines().collect();
    let readme = read("README.md");
    let (_, shown) = readme.split_once("The first answer is `").expect("an answer");
    assert_eq!(lines[0], shown.split('`').next().expect("text"));
    let tea = r#"{"id":1,"name":"Tea","price_cents":250}"#;
    assert_eq!((lines[1], lines[2]), (tea, tea));
    assert!(lines[3].contains(r#""plugin":"items""#), "{}", lines[3]);
}
