//! The sources of the browser's files: their table, and the lines of each that are sent.
//!
//! They are in the binary, so pages work without the internet, and no tool but cargo builds them. Comments and
//! indentation, a fifth of the compressed bytes, are not sent.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A file of `server/ui`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    pub(super) path: &'static str,
    pub(super) content: &'static str,
}

/// A line that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// The number of the line in its file, from 0.
    pub(super) number: usize,
    /// The text without indentation.
    pub(super) text: &'static str,
    /// Whether the line begins in the first column, as the statements of a module do.
    pub(super) is_outer: bool,
}

macro_rules! sources {
    ($($path:literal,)*) => {
        [$(Source { path: $path, content: include_str!(concat!("../../ui/", $path)) },)*]
    };
}

/// All files of `server/ui` that browsers load. A test compares the list with the directory.
static SOURCES: [Source; SOURCE_COUNT] = sources![
    "dashboard/format.js",
    "dashboard/frame.js",
    "dashboard/history.js",
    "dashboard/later.js",
    "dashboard/main.js",
    "dashboard/parts.js",
    "dashboard/plugin_menu.js",
    "dashboard/resource.js",
    "dashboard/session.js",
    "dashboard/tabs/actions.js",
    "dashboard/tabs/configuration.js",
    "dashboard/tabs/data.js",
    "dashboard/tabs/jobs.js",
    "dashboard/tabs/manifest.js",
    "dashboard/tabs/permissions.js",
    "dashboard/tabs/tables.js",
    "dashboard/views/audit.js",
    "dashboard/views/dead_letters.js",
    "dashboard/views/engines.js",
    "dashboard/views/events.js",
    "dashboard/views/host.js",
    "dashboard/views/install.js",
    "dashboard/views/logs.js",
    "dashboard/views/overview.js",
    "dashboard/views/plugin.js",
    "dashboard/views/processes.js",
    "dashboard/views/sign_in.js",
    "dashboard/views/tokens.js",
    "lib/dialog.js",
    "lib/events.js",
    "lib/expression.js",
    "lib/form.js",
    "lib/http.js",
    "lib/placeholder.js",
    "lib/router.js",
    "lib/schema.js",
    "lib/scope.js",
    "lib/store.js",
    "lib/theme.js",
    "lib/toast.js",
    "lib/values.js",
    "lib/view.js",
    "page/actions.js",
    "page/dev.js",
    "page/frame.js",
    "page/links.js",
    "page/loaders.js",
    "page/main.js",
    "page/model.js",
    "page/needed.js",
    "page/nodes.js",
    "page/page.js",
    "page/regions.js",
    "page/state.js",
    "page/turns.js",
    "page/utilities.js",
    "style/base.css",
    "style/blocks.css",
    "style/controls.css",
    "style/dashboard.css",
    "style/data.css",
    "style/dialogs.css",
    "style/forms.css",
    "style/inputs.css",
    "style/page.css",
    "style/tokens.css",
    "style/widgets.css",
    "vendor/hooks.js",
    "vendor/htm.js",
    "vendor/preact.js",
    "vendor/uplot.css",
    "vendor/uplot.js",
    "widgets/button.js",
    "widgets/chart.js",
    "widgets/figures.js",
    "widgets/form.js",
    "widgets/index.js",
    "widgets/inputs.js",
    "widgets/layout.js",
    "widgets/modal.js",
    "widgets/rows.js",
    "widgets/table.js",
    "widgets/text.js",
    "widgets/widget.js",
];
const SOURCE_COUNT: usize = 84;

static BY_PATH: LazyLock<HashMap<&'static str, &'static Source>> =
    LazyLock::new(|| SOURCES.iter().map(|source| (source.path, source)).collect());

/// The file with a path below `server/ui`.
pub(super) fn source(path: &str) -> Option<&'static Source> {
    BY_PATH.get(path).copied()
}

/// The path of the file that a file at `from` imports as `target`.
pub(super) fn resolve(from: &str, target: &str) -> Option<&'static Source> {
    let mut folders: Vec<&str> = from.split('/').collect();
    folders.pop();
    for part in target.split('/') {
        match part {
            "." => {}
            ".." => drop(folders.pop()?),
            name => folders.push(name),
        }
    }
    source(&folders.join("/")).filter(|_| target.starts_with('.'))
}

impl Source {
    /// Whether the file is of a library, and is sent as it is, with its licence.
    pub(super) fn is_vendored(&self) -> bool {
        self.path.starts_with("vendor/")
    }

    /// The lines that are sent.
    pub(super) fn lines(&self) -> Vec<Line> {
        let is_vendored = self.is_vendored();
        let mut lines = Vec::new();
        let mut is_comment = false;
        for (number, line) in self.content.lines().enumerate() {
            let is_outer = !line.starts_with(char::is_whitespace);
            let text = if is_vendored { line } else { line.trim() };
            let is_begun = !is_vendored && text.starts_with("/*");
            if is_comment || is_begun {
                is_comment = !text.ends_with("*/");
            } else if !text.is_empty() && (is_vendored || !text.starts_with("//")) {
                lines.push(Line { number, text, is_outer });
            }
        }
        lines
    }

    /// The text that is sent.
    pub(super) fn text(&self) -> String {
        self.lines().iter().flat_map(|line| [line.text, "\n"]).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sha2::{Digest, Sha256};

    use super::*;

    /// The files below a directory that browsers load, with their paths from `server/ui`.
    fn found(directory: &Path, prefix: &str, files: &mut Vec<String>) {
        for entry in std::fs::read_dir(directory).expect("readable") {
            let entry = entry.expect("readable");
            let name = entry.file_name().into_string().expect("UTF-8");
            let path = format!("{prefix}{name}");
            if entry.path().is_dir() && path != "test" {
                found(&entry.path(), &format!("{path}/"), files);
            } else if name.ends_with(".js") || name.ends_with(".css") {
                files.push(path);
            }
        }
    }

    #[test]
    fn table_has_the_files_of_the_directory_in_order() {
        let mut files = Vec::new();
        found(&Path::new(env!("CARGO_MANIFEST_DIR")).join("ui"), "", &mut files);
        files.sort();
        assert_eq!(SOURCES.iter().map(|file| file.path).collect::<Vec<_>>(), files);
    }

    #[test]
    fn vendored_files_have_the_hashes_of_their_list() {
        let list = include_str!("../../ui/vendor/VENDOR.md");
        for file in SOURCES.iter().filter(|file| file.path.starts_with("vendor/")) {
            let hash: String = Sha256::digest(file.content).iter().map(|byte| format!("{byte:02x}")).collect();
            let name = file.path.trim_start_matches("vendor/");
            let row = list.lines().find(|line| line.starts_with(&format!("| `{name}` "))).expect(name);
            assert!(row.ends_with(&format!("`{hash}` |")), "{name} has the hash {hash}");
        }
    }

    #[test]
    fn no_file_makes_code_of_text_or_inserts_markup() {
        for file in &SOURCES {
            let text = file.content;
            let is_own = !file.path.starts_with("vendor/");
            for word in ["eval(", "new Function", "document.write", "innerHTML", "insertAdjacentHTML"] {
                // Preact knows `innerHTML` for `dangerouslySetInnerHTML`, which no own file names.
                let is_known = !is_own && word == "innerHTML";
                assert!(is_known || !text.contains(word), "{} has `{word}`", file.path);
            }
            assert!(!is_own || !text.contains("dangerouslySet"), "{}", file.path);
        }
    }

    #[test]
    fn comments_and_indentation_are_not_sent() {
        let content = "// One.\n\n/**\n * Two.\n */\nexport const a = 1; // stays\n  /* Three. */\n  a();\n";
        let source = Source { path: "lib/x.js", content };
        assert_eq!(source.text(), "export const a = 1; // stays\na();\n");
        let a = Line { number: 7, text: "a();", is_outer: false };
        assert_eq!(source.lines().last(), Some(&a));
    }

    #[test]
    fn imports_are_resolved_within_the_files_alone() {
        let resolved = |from, target| resolve(from, target).map(|source| source.path);
        assert_eq!(resolved("page/main.js", "../lib/view.js"), Some("lib/view.js"));
        assert_eq!(resolved("lib/view.js", "./http.js"), Some("lib/http.js"));
        for target in ["../../secret.js", "preact", "https://evil.example/x.js", "./missing.js"] {
            assert_eq!(resolved("lib/view.js", target), None, "{target}");
        }
    }
}
