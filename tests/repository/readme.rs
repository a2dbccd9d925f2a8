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
fn readme_events_of_an_application_are_the_library_example() {
    let shown = block("rust", "let mut orders = runtime.subscribe(\"order.*\")?;");
    let library = read("runtime/src/runtime/events.rs").replace("    /// ", "");
    let (_, documented) = library.split_once("```\n").expect("the function has an example");
    let (documented, _) = documented.split_once("```").expect("that ends");
    let visible: Vec<&str> = code(documented).into_iter().filter(|line| !line.starts_with("# ")).collect();
    assert_eq!(code(&shown), visible);
}

#[test]
fn readme_page_is_the_example_of_the_sdk_and_30_lines_at_most() {
    let shown = block("rust", "struct Tasks(Vec<Task>);");
    let library = read("sdk/src/ui.rs").replace("//! ", "").replace("//!\n", "\n");
    let (_, documented) = library.split_once("```\n").expect("the module opens with an example");
    let (documented, _) = documented.split_once("# fn main").expect("that ends");
    assert_eq!(code(&shown), code(documented));
    assert!(code(&shown).len() <= 30, "{}", code(&shown).len());
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

/// A server that the README starts, and its URL. The data directory is a temporary one.
struct Served {
    child: std::process::Child,
    url: String,
    data: tempfile::TempDir,
}

impl Served {
    fn start(line: &str) -> Self {
        use std::io::{BufRead, BufReader};

        let data = tempfile::tempdir().expect("a directory");
        let path = data.path().to_str().expect("UTF-8");
        let serve = block("sh", line).replace('\'', "").replace("./data", path);
        let mut words: Vec<&str> = serve.split_whitespace().skip(1).collect();
        words.extend(["--address", "127.0.0.1:0", "--json"]);
        let mut child = Plugbay::new(words).directory(root()).start();
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("text");
        let printed: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let url = printed["url"].as_str().expect("a URL").to_owned();
        Served { child, url, data }
    }

    /// Runs the README's block with this line against the server, and returns what it prints.
    fn run(&self, line: &str) -> String {
        let commands = block("sh", line).replace("http://127.0.0.1:7070", &self.url);
        let commands = commands.replace("./data", self.data.path().to_str().expect("UTF-8"));
        let plugbay = format!("plugbay() {{ \"{}\" \"$@\"; }}\n", env!("CARGO_BIN_EXE_plugbay-e2e"));
        let script = plugbay + &commands.replace("curl ", "curl --compressed -sfw '\\n' ");
        let mut shell = std::process::Command::new("sh");
        let ran = shell.arg("-ec").arg(script).current_dir(self.data.path()).output().expect("there is a shell");
        assert!(ran.status.success(), "{commands}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).expect("text")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn served_plugins_of_the_readme_answer() {
    let served = Served::start("plugbay serve example-plugins/hello example-plugins/items");
    let answers = served.run("curl http://127.0.0.1:7070/plugins/routes");
    let lines: Vec<&str> = answers.lines().collect();
    let readme = read("README.md");
    let (_, shown) = readme.split_once("The first answer is `").expect("an answer");
    assert_eq!(lines[0], shown.split('`').next().expect("text"));
    let tea = r#"{"id":1,"name":"Tea","price_cents":250}"#;
    assert_eq!((lines[1], lines[2]), (tea, tea));
    assert!(lines[3].contains(r#""plugin":"items""#), "{}", lines[3]);
}

#[test]
fn documents_tools_and_metrics_of_the_readme_answer() {
    let serve = "plugbay serve example-plugins/hello example-plugins/items --expose 'hello.*' --data-dir ./data";
    let served = Served::start(serve);
    let documents = served.run("curl http://127.0.0.1:7070/openapi.json");
    assert!(documents.contains("/plugins/items/items/{id}") && documents.contains("<title>Plugbay API</title>"));
    let tools = served.run("plugbay mcp --data-dir ./data < list.json");
    assert!(tools.contains(r#""name":"hello.hello""#) && !tools.contains("items."), "{tools}");
    let metrics = served.run("curl http://127.0.0.1:7070/metrics");
    for expected in ["plugbay_", r#""uptime_seconds":"#, r#""healthy":true"#] {
        assert!(metrics.contains(expected), "no `{expected}` in: {metrics}");
    }
}
