//! Test files: tests of a plugin, declared by its author. Each test has the settings of its host, steps and
//! expectations.
//!
//! This crate reads and checks the file, and the crate `plugbay-testing` runs it. All problems are reported at once,
//! with their paths and suggestions for unknown fields.

mod expect;
mod identity;
mod page;
mod request;
mod settings;
mod step;
mod tool;

use std::path::Path;

use crate::document;
use crate::field::{Table, field};
use crate::format::Format;
use crate::limits::{LINE_CHARS_MAX, TEST_STEPS_MAX, TESTS_MAX};
use crate::problem::{ManifestError, Report, code, quoted, single};
use crate::read::{Node, kind_of};
use crate::shape;

pub use expect::{
    Expected, ExpectedAnswer, ExpectedDenial, ExpectedError, ExpectedEvent, ExpectedLine, ExpectedRequest,
};
pub use identity::TestIdentity;
pub use page::PageStep;
pub use request::{RequestBody, RouteRequest};
pub use settings::{CompanionPlugin, HttpReply, ReplyBody, TestSettings};
pub use step::{Step, StepKind};
pub use tool::ToolStep;

/// The name of the test file in a plugin's directory, without its extension, which is that of any [`Format`].
const FILE_STEM: &str = "plugin.test";

/// A test file.
#[derive(Clone, Debug, PartialEq)]
pub struct TestFile {
    /// The tests in order, at least one.
    pub tests: Vec<Test>,
}

/// A test: a fresh host and steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// The name, unique in the file.
    pub name: String,
    /// The settings of the test's host: the file's, overridden by the test's own.
    pub settings: TestSettings,
    /// The expected error of loading the plugin.
    pub load_error: Option<ExpectedError>,
    /// The steps after loading, in order.
    pub steps: Vec<Step>,
}

pub(crate) const TEST_FILE: Table = &[
    field("$schema", "The JSON Schema that an editor checks this file against.", || shape::line(LINE_CHARS_MAX)),
    field("host", "The settings of every test's host.", settings::settings_shape),
    field("tests", "The tests. Each has a host of its own.", || shape::list(shape::object(TEST, &["name"]), TESTS_MAX)),
];
const TEST: Table = &[
    field("name", "The test's name: what is tested, in a few words.", || shape::line(LINE_CHARS_MAX)),
    field("host", "Settings of this test's host, which override those for all.", settings::settings_shape),
    field("expect_load_error", "The plugin is expected not to load, with this error.", expect::error_shape),
    field("steps", "The steps, in order. The test ends at the first step that fails.", || {
        shape::list(step::step_shape(), TEST_STEPS_MAX)
    }),
];

impl TestFile {
    /// Returns whether a file of this name in a plugin's directory, or in its `tests`, is a test file:
    /// `plugin.test.yaml`, or in `tests` any name that ends in `.test.yaml`, with the extension of any format.
    pub fn is_named(file_name: &str, in_tests: bool) -> bool {
        let path = Path::new(file_name);
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let named = stem == FILE_STEM || (in_tests && stem.ends_with(".test"));
        named && !file_name.starts_with('.') && Format::from_path(path).is_some()
    }

    /// Parses and checks a test file. `origin` names it in problems.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] with all problems of the file.
    pub fn parse(origin: impl Into<String>, text: &str, format: Format) -> Result<TestFile, ManifestError> {
        let origin = origin.into();
        let written = document::parse(&origin, text, format)?;
        if !written.is_object() {
            let message = format!("a test file is an object with `tests`, not {}", kind_of(&written));
            return Err(single(&origin, code::WRONG_TYPE, message));
        }
        let mut report = Report::new(origin.into());
        let tests = read_file(&Node::root(&written), &mut report).unwrap_or_default();
        match report.into_problems() {
            problems if problems.is_empty() => Ok(TestFile { tests }),
            problems => Err(ManifestError { problems }),
        }
    }
}

fn read_file(node: &Node<'_>, report: &mut Report) -> Option<Vec<Test>> {
    let object = node.object(TEST_FILE, report)?;
    let for_all = object.get("host").map(|node| settings::read_settings(&node, report)).unwrap_or_default();
    let list = object.need("tests", report)?;
    let items = list.items(TESTS_MAX, report);
    if list.value.as_array().is_some_and(Vec::is_empty) {
        list.problem(report, code::INVALID_VALUE, "is empty: there is nothing to test");
    }
    let mut tests: Vec<Test> = Vec::new();
    for item in items {
        let Some(test) = read_test(&item, &for_all, report) else { continue };
        if tests.iter().any(|known| known.name == test.name) {
            item.problem(report, code::DUPLICATE, format!("there are two tests {}", quoted(&test.name)));
        }
        tests.push(test);
    }
    Some(tests)
}

fn read_test(node: &Node<'_>, for_all: &TestSettings, report: &mut Report) -> Option<Test> {
    let object = node.object(TEST, report)?;
    let name = object.need("name", report).and_then(|node| node.line(LINE_CHARS_MAX, report));
    let own = object.get("host").map(|node| settings::read_settings(&node, report)).unwrap_or_default();
    let load_error = object.get("expect_load_error").map(|node| expect::read_error(&node, report));
    let steps = match object.get("steps") {
        Some(steps) => {
            if load_error.is_some() {
                steps.problem(report, code::CONFLICT, "a plugin that does not load runs no steps: remove one of them");
            }
            if steps.value.as_array().is_some_and(Vec::is_empty) && load_error.is_none() {
                steps.problem(report, code::INVALID_VALUE, "is empty: the test would test nothing");
            }
            steps.items(TEST_STEPS_MAX, report).iter().filter_map(|step| step::read_step(step, report)).collect()
        }
        None => {
            if load_error.is_none() {
                node.problem(
                    report,
                    code::MISSING_FIELD,
                    "has neither `steps` nor `expect_load_error`: it tests nothing",
                );
            }
            Vec::new()
        }
    };
    Some(Test { name: name?, settings: for_all.clone().overridden_by(own), load_error: load_error.flatten(), steps })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_files_are_known_by_their_names() {
        for (name, in_directory, in_tests) in [
            ("plugin.test.yaml", true, true),
            ("plugin.test.toml", true, true),
            ("cache.test.json", false, true),
            ("cache.yaml", false, false),
            ("plugin.test.rs", false, false),
            (".plugin.test.yaml", false, false),
        ] {
            assert_eq!(
                (TestFile::is_named(name, false), TestFile::is_named(name, true)),
                (in_directory, in_tests),
                "{name}"
            );
        }
    }

    #[test]
    fn test_without_a_step_is_a_problem() {
        let error =
            TestFile::parse("t", "tests: [{ name: one, steps: [] }]", Format::Yaml).expect_err("it tests nothing");
        assert!(error.to_string().contains("tests[0].steps: is empty"), "{error}");
    }

    #[test]
    fn tests_own_settings_lie_over_those_for_all() {
        let text = "
host: { config: { a: 1, b: 1 }, deny: ['db.*'], http: [{ url: 'https://a.test/', status: 500 }] }
tests:
  - { name: one, steps: [{ call: x }] }
  - name: two
    host: { config: { b: 2 }, http: [{ url: 'https://a.test/', text: fine }] }
    steps: [{ call: x }]
";
        let file = TestFile::parse("t", &text.replace("'db.*'", "db.read"), Format::Yaml).expect("good");
        let settings = &file.tests[1].settings;
        assert_eq!(serde_json::json!(settings.config), serde_json::json!({ "a": 1, "b": 2 }));
        assert_eq!(settings.http.iter().map(|reply| reply.status).collect::<Vec<_>>(), [200, 500]);
        assert_eq!((settings.deny.len(), file.tests[0].settings.http.len()), (1, 1));
    }
}
