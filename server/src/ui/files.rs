//! The browser's files as they are sent: the scripts and the style sheet of each document, put together at the first
//! request.
//!
//! Their addresses contain a hash over all of them, so a browser may hold them forever, relative imports work, and a
//! page never mixes files of two versions.

use std::collections::BTreeMap;
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

use super::bundle::bundle;
use super::sources::source;
use super::{DEVELOPER_SCRIPT, DOCUMENTS, Shell};
use crate::answer;
use crate::listen::WithoutIds;

/// Files that are sent as they are: a style sheet that a script loads, and a script without imports.
const OTHERS: [&str; 2] = ["vendor/uplot.css", DEVELOPER_SCRIPT];

/// A body, as it is and compressed.
#[derive(Debug)]
struct File {
    plain: Bytes,
    compressed: OnceLock<Bytes>,
}

/// All files by their paths, and the hash over them.
#[derive(Debug)]
struct Files {
    hash: String,
    by_path: BTreeMap<String, File>,
}

static FILES: LazyLock<Files> = LazyLock::new(|| {
    let mut texts = BTreeMap::new();
    for document in DOCUMENTS {
        // Tests put all documents together, and the modules are part of the binary.
        for file in bundle(&document.script()).unwrap_or_else(|error| panic!("{error}")) {
            texts.insert(format!("{}.map", file.path), file.map);
            texts.insert(file.path, file.script);
        }
        texts.insert(document.style(), sheets(document));
    }
    for path in OTHERS {
        texts.extend(source(path).map(|source| (path.to_owned(), source.text())));
    }
    let mut hasher = Sha256::new();
    for (path, text) in &texts {
        // With lengths, so that no two lists of files give the same bytes.
        for part in [path, text] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    let hash = hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let file = |text: String| File { plain: text.into(), compressed: OnceLock::new() };
    Files { hash, by_path: texts.into_iter().map(|(path, text)| (path, file(text))).collect() }
});

/// The style sheets of a document as one.
fn sheets(document: &Shell) -> String {
    let sheet = |name: &&str| source(&format!("style/{name}.css")).map(|sheet| sheet.text());
    document.styles.iter().filter_map(sheet).collect()
}

/// The hash over all files, 16 hexadecimal digits.
pub(super) fn hash() -> &'static str {
    &FILES.hash
}

/// `GET /ui/{hash}/{path}`
pub(super) async fn serve(Path((hash, path)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let Some(file) = FILES.by_path.get(&path).filter(|_| hash == FILES.hash) else {
        let message = "this server has no such file; if it was updated, load the page again";
        return answer::error(StatusCode::NOT_FOUND, "not_found", message);
    };
    let is_compressed = headers.get_all(ACCEPT_ENCODING).iter().any(takes_gzip);
    let mut response = Response::new(Body::from(if is_compressed { file.compressed() } else { file.plain.clone() }));
    response.extensions_mut().insert(WithoutIds);
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

impl File {
    fn compressed(&self) -> Bytes {
        let compress = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            let written = encoder.write_all(&self.plain).and_then(|()| encoder.finish());
            written.expect("writing to memory does not fail").into()
        };
        self.compressed.get_or_init(compress).clone()
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
        _ => "application/json",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_has_its_script_its_style_sheet_and_what_they_load() {
        for document in DOCUMENTS {
            for path in [document.script(), document.style(), format!("{}.map", document.script())] {
                assert!(FILES.by_path.contains_key(&path), "{path}");
            }
            for style in document.styles {
                assert!(source(&format!("style/{style}.css")).is_some(), "{style}");
            }
        }
        assert!(OTHERS.iter().all(|path| FILES.by_path.contains_key(*path)));
        let imports = FILES.by_path.iter().filter(|(path, _)| path.ends_with(".js")).flat_map(|(path, file)| {
            let text = std::str::from_utf8(&file.plain).expect("UTF-8");
            let folder = path.rsplit_once('/').expect("a folder").0;
            text.split("import(\"./")
                .skip(1)
                .map(move |rest| format!("{folder}/{}", rest.split('"').next().unwrap_or("")))
        });
        let missing: Vec<_> = imports.filter(|path| !FILES.by_path.contains_key(path)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn gzip_is_sent_to_clients_that_take_it() {
        let takes = |value: &'static str| takes_gzip(&HeaderValue::from_static(value));
        assert!(takes("gzip") && takes("br, GZIP;q=0.5") && takes("deflate,gzip"));
        assert!(!takes("br") && !takes("gzip;q=0") && !takes("gzip;q=0.000, br") && !takes(""));
    }
}
