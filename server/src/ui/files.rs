//! The browser's files: their table, and how they are served.
//!
//! They are in the binary, so pages work without the internet, and no tool but cargo builds them. Their addresses
//! contain a hash over all of them, so a browser may hold them forever, relative imports work, and a page never mixes
//! files of two versions. Comments and indentation, a fifth of the compressed bytes, are not sent. The style sheets of
//! a document are one file: `style/tokens+base.css` is `style/tokens.css` with `style/base.css`.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{LazyLock, OnceLock};

use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use crate::answer;

/// A file, with what is sent of it.
pub(super) struct File {
    pub(super) path: &'static str,
    pub(super) content: &'static str,
    sent: OnceLock<Sent>,
}

/// The body of a file: as it is, and compressed.
#[derive(Debug, Clone)]
struct Sent {
    plain: Bytes,
    compressed: Bytes,
}

/// The most style sheets in one file.
const SHEETS_MAX: usize = 8;

macro_rules! files {
    ($($path:literal,)*) => {
        [$(File {
            path: $path,
            content: include_str!(concat!("../../ui/", $path)),
            sent: OnceLock::new(),
        },)*]
    };
}

/// All files of `server/ui` that browsers load. A test compares the list with the directory.
static FILES: [File; FILE_COUNT] = files![
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
    "page/utilities.js",
    "style/base.css",
    "style/controls.css",
    "style/dashboard.css",
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
const FILE_COUNT: usize = 76;

static BY_PATH: LazyLock<HashMap<&'static str, &'static File>> =
    LazyLock::new(|| FILES.iter().map(|file| (file.path, file)).collect());

static HASH: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = Sha256::new();
    for file in &FILES {
        // With lengths, so that no two lists of files give the same bytes.
        hasher.update((file.path.len() as u64).to_le_bytes());
        hasher.update(file.path);
        hasher.update((file.content.len() as u64).to_le_bytes());
        hasher.update(file.content);
    }
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
});

/// The hash over all files, 16 hexadecimal digits.
pub(super) fn hash() -> &'static str {
    &HASH
}

/// The file with a path below `server/ui`.
pub(super) fn file(path: &str) -> Option<&'static File> {
    BY_PATH.get(path).copied()
}

/// `GET /ui/{hash}/{path}`
pub(super) async fn serve(Path((hash, path)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let Some(sent) = sent(&path).filter(|_| hash == *HASH) else {
        let message = "this server has no such file; if it was updated, load the page again";
        return answer::error(StatusCode::NOT_FOUND, "not_found", message);
    };
    let is_compressed = headers.get_all(ACCEPT_ENCODING).iter().any(takes_gzip);
    let mut response = Response::new(Body::from(if is_compressed { sent.compressed } else { sent.plain }));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(&path)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if is_compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// The body of a file, or of several style sheets.
fn sent(path: &str) -> Option<Sent> {
    if let Some(file) = file(path) {
        return Some(file.sent.get_or_init(|| Sent::new(file.text())).clone());
    }
    let names = path.strip_prefix("style/")?.strip_suffix(".css")?;
    if names.split('+').count() > SHEETS_MAX {
        return None;
    }
    let sheets = names.split('+').map(|name| file(&format!("style/{name}.css")).map(File::text));
    Some(Sent::new(sheets.collect::<Option<String>>()?))
}

impl Sent {
    fn new(text: String) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let written = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
        Sent { plain: text.into(), compressed: written.expect("writing to memory does not fail").into() }
    }
}

impl File {
    /// The text that is sent: that of libraries as it is, with their licences, our own without lines that are comments
    /// and without indentation.
    fn text(&self) -> String {
        if self.path.starts_with("vendor/") {
            return self.content.to_owned();
        }
        let mut text = String::with_capacity(self.content.len());
        let mut lines = self.content.lines().map(str::trim).filter(|line| !line.is_empty());
        while let Some(line) = lines.next() {
            if line.starts_with("/*") {
                let mut end = line;
                while !end.ends_with("*/") {
                    let Some(next) = lines.next() else { break };
                    end = next;
                }
            } else if !line.starts_with("//") {
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }
}

/// Whether a header accepts gzip: it names it, and not with the weight 0.
fn takes_gzip(value: &HeaderValue) -> bool {
    let Ok(value) = value.to_str() else { return false };
    value.split(',').any(|coding| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = parameters.trim().strip_prefix("q=").and_then(|weight| weight.trim().parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case("gzip") && weight != Some(0.0)
    })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.') {
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

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
        assert_eq!(FILES.iter().map(|file| file.path).collect::<Vec<_>>(), files);
    }

    #[test]
    fn vendored_files_have_the_hashes_of_their_list() {
        let list = include_str!("../../ui/vendor/VENDOR.md");
        for file in FILES.iter().filter(|file| file.path.starts_with("vendor/")) {
            let hash: String = Sha256::digest(file.content).iter().map(|byte| format!("{byte:02x}")).collect();
            let name = file.path.trim_start_matches("vendor/");
            let row = list.lines().find(|line| line.starts_with(&format!("| `{name}` "))).expect(name);
            assert!(row.ends_with(&format!("`{hash}` |")), "{name} has the hash {hash}");
        }
    }

    #[test]
    fn no_file_makes_code_of_text_or_inserts_markup() {
        for file in &FILES {
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
        let file = |content| File { path: "lib/x.js", content, sent: OnceLock::new() };
        let text = file("// One.\n\n/**\n * Two.\n */\nexport const a = 1; // stays\n  /* Three. */\n  a();\n").text();
        assert_eq!(text, "export const a = 1; // stays\na();\n");
    }

    #[test]
    fn style_sheets_are_sent_as_one() {
        let of = |path| sent(path).map(|sent| sent.plain.len());
        let both = of("style/tokens.css").expect("known") + of("style/base.css").expect("known");
        assert_eq!(of("style/tokens+base.css"), Some(both));
        assert_eq!(of("style/tokens+none.css"), None);
        assert_eq!(of(&format!("style/{}tokens.css", "tokens+".repeat(8))), None);
    }

    #[test]
    fn gzip_is_sent_to_clients_that_take_it() {
        let takes = |value: &'static str| takes_gzip(&HeaderValue::from_static(value));
        assert!(takes("gzip") && takes("br, GZIP;q=0.5") && takes("deflate,gzip"));
        assert!(!takes("br") && !takes("gzip;q=0") && !takes("gzip;q=0.000, br") && !takes(""));
    }
}
