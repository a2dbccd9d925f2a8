//! `plugbay new`: creates a crate that builds, runs and passes its tests without changes.
//!
//! The files are in `template/`. The crate depends on the SDK in the checkout that this program was built from, if it
//! still exists, and otherwise on the published version.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use plugbay::manifest::{Layer, Manifest};
use plugbay_files::{TEXT_FILE_BYTES_MAX, read_file};
use serde_json::json;

use crate::args::New;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{Output, shell_word};
use plugbay_project::Toolchain;

/// The path of the SDK when this program was built.
const SDK_CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk");

/// Names that a plugin can have but a Rust package cannot: keywords, and crates that every crate has.
const NAMES_TAKEN: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "plugbay-sdk",
    "plugbay_sdk",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "serde",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// The files of a new plugin: paths and templates.
const FILES: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("../../template/Cargo.toml.in")),
    ("src/lib.rs", include_str!("../../template/lib.rs.in")),
    ("plugin.test.yaml", include_str!("../../template/plugin.test.yaml.in")),
    ("README.md", include_str!("../../template/README.md.in")),
    (".gitignore", include_str!("../../template/gitignore.in")),
];

pub(crate) fn run(args: &New, output: Output) -> Result<Exit, Error> {
    check_name(&args.name).map_err(Error::Usage)?;
    let directory = args.path.clone().unwrap_or_else(|| PathBuf::from(&args.name));
    check_directory(&directory, "choose another name, or another place with --path DIR").map_err(Error::Usage)?;
    create(&args.name, &directory)
        .map_err(|error| Error::Usage(format!("{error:#}; choose another place with --path DIR")))?;
    if output.json {
        output.document(&json!({ "name": args.name, "path": directory }))?;
        return Ok(Exit::Ok);
    }
    let directory = directory.display().to_string();
    let shown = shell_word(&directory);
    output.result(&format!(
        "Plugin `{}` is in {shown}. Try it:\n\n  cd {shown}\n  plugbay run . hello '{{\"name\":\"Ada\"}}'\n  cargo test\n\n\
         The first build takes about a minute.",
        args.name
    ))?;
    Ok(Exit::Ok)
}

/// Checks a name by the manifest's rule and by Rust's.
fn check_name(name: &str) -> Result<(), String> {
    let layer = Layer::from_value("NAME", json!({ "name": name, "version": "0.1.0" }));
    if let Err(error) = layer.and_then(|layer| Manifest::from_layers(&[layer])) {
        return Err(error.problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("\n"));
    }
    if NAMES_TAKEN.contains(&name) {
        return Err(format!("`{name}` cannot be the name of a Rust crate: choose another, such as `{name}-plugin`"));
    }
    Ok(())
}

/// Checks that the directory is empty or does not exist, because nothing is overwritten.
pub(crate) fn check_directory(directory: &Path, advice: &str) -> Result<(), String> {
    let shown = directory.display();
    match fs::read_dir(directory) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(format!("{shown} exists and is not empty: {advice}")),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("cannot use {shown}: {error}")),
    }
}

/// Writes the files into a directory that is empty or does not exist, and leaves it so if one cannot be written.
fn create(name: &str, directory: &Path) -> anyhow::Result<()> {
    let existed = directory.exists();
    write_files(name, directory).inspect_err(|_| {
        for (path, _) in FILES {
            let path = directory.join(path);
            let _ = fs::remove_file(&path);
            if let Some(parent) = path.parent().filter(|parent| *parent != directory) {
                let _ = fs::remove_dir(parent);
            }
        }
        if !existed {
            let _ = fs::remove_dir(directory);
        }
    })
}

fn write_files(name: &str, directory: &Path) -> anyhow::Result<()> {
    let sdk = dependency(Path::new(SDK_CHECKOUT));
    let testing = dependency(&Path::new(SDK_CHECKOUT).join("testing"));
    for (path, template) in FILES {
        let path = directory.join(path);
        let text = template
            .replace("{{name}}", name)
            .replace("{{file}}", &name.replace('-', "_"))
            .replace("{{type}}", &type_name(name))
            .replace("{{sdk}}", &sdk)
            .replace("{{testing}}", &testing);
        let parent = path.parent().unwrap_or(directory);
        fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if is_claimed_by_a_workspace(directory) {
        let path = directory.join("Cargo.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let own = "# A workspace of its own: the one in a directory above does not list this crate.\n[workspace]\n";
        fs::write(&path, format!("{text}\n{own}")).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// A dependency on one of Plugbay's crates in TOML: the checkout if it exists, else the published version.
fn dependency(checkout: &Path) -> String {
    match checkout.canonicalize() {
        Ok(path) if path.join("Cargo.toml").is_file() => {
            format!("{{ path = {} }}", toml::Value::from(path.to_string_lossy().into_owned()))
        }
        _ => format!("\"{}\"", env!("CARGO_PKG_VERSION")),
    }
}

/// Whether cargo refuses the crate because a workspace in a parent directory does not list it. Only cargo can determine
/// this: members may be globs, excluded, or path dependencies of others.
fn is_claimed_by_a_workspace(directory: &Path) -> bool {
    let Ok(absolute) = directory.canonicalize() else {
        return false;
    };
    let is_workspace = |above: &Path| {
        let bytes = read_file(&above.join("Cargo.toml"), TEXT_FILE_BYTES_MAX).unwrap_or_default();
        toml::from_slice::<toml::Table>(&bytes).is_ok_and(|table| table.contains_key("workspace"))
    };
    absolute.ancestors().skip(1).any(is_workspace)
        && Toolchain::of(directory).ask("cargo", &["locate-project", "--workspace"]).is_err()
}

/// The type's name: `order-mailer` becomes `OrderMailerPlugin`. The suffix distinguishes it from every other type in
/// the file: `Greeting`, and those of the preludes, such as `Option` and `Result`.
fn type_name(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    let words: String = name.split(['-', '_']).map(word).collect();
    match words.strip_suffix("Plugin") {
        Some(own) if !own.is_empty() => words,
        _ => words + "Plugin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_follows_the_rules_of_manifests_and_of_rust() {
        for name in ["demo", "order-mailer", "a1_b"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["Demo", "1st", "", "a b", "../x", "fn", "plugbay-sdk"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn type_of_any_plugin_is_unlike_every_name_in_its_file() {
        let (_, lib) = FILES.iter().find(|(path, _)| *path == "src/lib.rs").expect("it is one of them");
        let in_file = lib.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        // Of the preludes of Rust and the SDK, and keywords of types.
        let known = [
            "Action",
            "Box",
            "Err",
            "Error",
            "Event",
            "Health",
            "Invocation",
            "None",
            "Ok",
            "Plugin",
            "Reload",
            "Reply",
            "Route",
            "Self",
            "Serialize",
            "Some",
            "Table",
            "Value",
            "Vec",
        ];
        let mut names: Vec<&str> = in_file.chain(known).collect();
        names.sort_unstable();
        names.dedup();
        assert!(names.contains(&"Greeting") && names.contains(&"Option") && names.contains(&"Result"), "{names:?}");
        for name in &names {
            for plugin in [name.to_ascii_lowercase(), format!("{}-", name.to_ascii_lowercase())] {
                let made = type_name(&plugin);
                assert!(!names.contains(&&*made), "{plugin} makes a second `{made}`");
            }
        }
        assert_eq!(type_name("order-mailer"), "OrderMailerPlugin");
        assert_eq!((type_name("my_plugin"), type_name("plugin")), ("MyPlugin".into(), "PluginPlugin".into()));
    }

    #[test]
    fn directory_that_is_not_empty_is_refused() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        assert_eq!(check_directory(directory.path(), "choose another"), Ok(()));
        assert_eq!(check_directory(&directory.path().join("new"), "choose another"), Ok(()));
        fs::write(directory.path().join("file"), "").expect("written");
        assert!(check_directory(directory.path(), "choose another").expect_err("not empty").contains("choose another"));
        assert!(check_directory(&directory.path().join("file"), "choose another").is_err());
    }

    #[test]
    fn files_have_no_placeholder_left_and_name_the_plugin() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        write_files("order-mailer", directory.path()).expect("written");
        for (path, _) in FILES {
            let text = fs::read_to_string(directory.path().join(path)).expect("readable");
            assert!(!text.contains("{{"), "{path}: {text}");
        }
        let cargo_toml = fs::read_to_string(directory.path().join("Cargo.toml")).expect("readable");
        let table: toml::Table = cargo_toml.parse().expect("TOML");
        assert_eq!(table["package"]["name"].as_str(), Some("order-mailer"));
        assert!(!table.contains_key("workspace"), "no workspace is above a temporary directory");
        let lib = fs::read_to_string(directory.path().join("src/lib.rs")).expect("readable");
        assert!(lib.contains("OrderMailer"), "{lib}");
    }

    /// Linux limits the length of a path. Here `Cargo.toml` is within the limit, and `plugin.test.yaml` is not.
    #[cfg(target_os = "linux")]
    #[test]
    fn directory_is_left_empty_if_a_file_cannot_be_written() {
        const PATH_BYTES_MAX: usize = 4095;
        let root = tempfile::tempdir().expect("a temporary directory");
        let mut parent = root.path().to_owned();
        let left = |path: &Path| PATH_BYTES_MAX - "/Cargo.toml".len() - path.as_os_str().len();
        while left(&parent) > 250 {
            parent.push("x".repeat(100));
        }
        fs::create_dir_all(&parent).expect("created");
        let directory = parent.join("y".repeat(left(&parent) - 1));
        for existed in [false, true] {
            let error = create("demo", &directory).expect_err("a path is too long");
            assert!(error.to_string().contains("plugin.test.yaml"), "{error:#}");
            assert_eq!(directory.exists(), existed);
            fs::create_dir_all(&directory).expect("created");
            assert_eq!(check_directory(&directory, "choose another"), Ok(()));
        }
    }

    #[test]
    fn crate_inside_a_foreign_workspace_gets_one_of_its_own() {
        let root = tempfile::tempdir().expect("a temporary directory");
        fs::write(root.path().join("Cargo.toml"), "[workspace]\nmembers = [\"listed\"]\nresolver = \"3\"\n")
            .expect("written");
        for (name, own) in [("listed", false), ("stray", true)] {
            let directory = root.path().join(name);
            write_files(name, &directory).expect("written");
            let text = fs::read_to_string(directory.join("Cargo.toml")).expect("readable");
            assert_eq!(text.parse::<toml::Table>().expect("TOML").contains_key("workspace"), own, "{name}");
        }
    }

    #[test]
    fn sdk_is_the_checkout_where_there_is_one() {
        assert!(dependency(Path::new(SDK_CHECKOUT)).starts_with("{ path = \""));
        assert_eq!(dependency(Path::new("/no/such/checkout")), format!("\"{}\"", env!("CARGO_PKG_VERSION")));
    }
}
