//! `plugbay build`: one self-contained `.wasm` from a crate, or from a plugin directory.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use plugbay::Package;
use serde_json::json;

use crate::args::{Build, Common};
use crate::error::Error;
use crate::exit::Exit;
use crate::host::{Crates, Host};
use crate::output::Output;
use crate::units::{show_bytes, show_count};
use plugbay_project::Source;

pub(crate) fn run(args: &Build, common: &Common, output: Output) -> Result<Exit, Error> {
    let directory = match Source::locate(&args.directory)? {
        Source::Crate(directory) | Source::Directory(directory) => directory,
        Source::File(file) => {
            let text = "it is a file, and build takes the directory of a crate or of a plugin";
            return Err(Error::Usage(format!("{}: {text}", file.display())));
        }
    };
    let Host { runtime, package, .. } =
        Host::open(&args.directory, Crates::Build, &Default::default(), None, common, output)?;
    // Reports an invalid manifest now, to the author, rather than later to a user.
    for note in package.notes() {
        output.note(note);
    }
    let bytes = package.to_component()?;
    let inspection = runtime.inspect(Package::from_bytes(package.fallback_name(), bytes.clone()))?;
    for note in &inspection.manifest.notes {
        output.note(note);
    }
    if directory.join("config").is_dir() {
        output.note("config/ is not included in the file: declare its values as defaults in `configuration`");
    }

    let target = args.output.clone().unwrap_or_else(|| default_target(&directory, &inspection.manifest));
    write(&target, &bytes)?;
    let size = bytes.len() as u64;
    if output.json {
        let manifest = &inspection.manifest;
        output.document(&json!({
            "path": target, "name": manifest.name, "version": manifest.version.to_string(), "size_bytes": size,
            "sha256": inspection.digest,
        }))?;
    } else {
        output.result(&format!(
            "path    {}\nsize    {} bytes ({})\nsha256  {}",
            target.display(),
            show_count(size),
            show_bytes(size),
            inspection.digest
        ))?;
    }
    Ok(Exit::Ok)
}

/// The manifest's `entry_point`, so that the directory becomes a plugin directory; else the plugin's name.
fn default_target(directory: &Path, manifest: &plugbay::manifest::Manifest) -> PathBuf {
    let inside =
        |path: &&str| Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    match manifest.entry_point.as_deref().filter(inside) {
        Some(entry_point) => directory.join(entry_point),
        None => directory.join(format!("{}.wasm", manifest.name)),
    }
}

/// Writes a temporary file next to the target and renames it: a host that watches the directory must not see half a
/// file.
///
/// A link's target is written, not the link; a device or a pipe is written to, never replaced.
fn write(target: &Path, bytes: &[u8]) -> Result<(), Error> {
    let cannot = |what: &str, path: &Path, error: io::Error| {
        Error::Usage(format!("cannot {what} {}: {error}; name another place with --output FILE", path.display()))
    };
    let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|error| cannot("make", parent, error))?;
    let written = match fs::metadata(target) {
        Ok(existing) if !existing.is_file() => fs::write(target, bytes),
        Ok(_) => fs::canonicalize(target).and_then(|target| replace(&target, bytes)),
        Err(_) => replace(target, bytes),
    };
    written.map_err(|error| cannot("write", target, error))
}

fn replace(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().ok_or(io::ErrorKind::IsADirectory)?);
    name.push(format!(".{}.part", std::process::id()));
    let part = target.with_file_name(name);
    let written = fs::write(&part, bytes).and_then(|()| fs::rename(&part, target));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use plugbay::manifest::{Layer, Manifest};

    fn manifest(entry_point: Option<&str>) -> Manifest {
        let mut value = json!({ "name": "demo", "version": "1.0.0" });
        if let Some(entry_point) = entry_point {
            value["entry_point"] = entry_point.into();
        }
        let layer = Layer::from_value("test", value).expect("a layer");
        Manifest::from_layers(&[layer]).expect("a manifest")
    }

    #[test]
    fn component_goes_where_the_manifest_expects_it() {
        let directory = Path::new("d");
        assert_eq!(default_target(directory, &manifest(None)), Path::new("d/demo.wasm"));
        assert_eq!(default_target(directory, &manifest(Some("dist/p.wasm"))), Path::new("d/dist/p.wasm"));
    }

    #[test]
    fn output_is_replaced_as_a_whole_and_directories_are_made() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let target = directory.path().join("a/b/x.wasm");
        for bytes in [&b"one"[..], b"two"] {
            write(&target, bytes).expect("written");
            assert_eq!(fs::read(&target).expect("readable"), bytes);
        }
        let files = fs::read_dir(directory.path().join("a/b")).expect("readable").count();
        assert_eq!(files, 1, "nothing is left beside it");
        assert!(write(&directory.path().join("a"), b"x").is_err(), "a directory cannot be the output");
    }

    #[cfg(unix)]
    #[test]
    fn output_that_is_not_a_regular_file_is_written_to() {
        use std::os::unix::fs::{FileTypeExt, symlink};

        let directory = tempfile::tempdir().expect("a temporary directory");
        let (link, file) = (directory.path().join("link.wasm"), directory.path().join("file.wasm"));
        fs::write(&file, b"old").expect("written");
        symlink(&file, &link).expect("linked");
        write(&link, b"new").expect("written");
        assert!(link.is_symlink() && fs::read(&file).expect("readable") == b"new");

        // A pipe, not a device, so that a failure of this test cannot damage the machine.
        let pipe = directory.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there");
        assert!(made.success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).expect("readable")
        });
        write(&pipe, b"component").expect("written");
        assert!(fs::metadata(&pipe).expect("there").file_type().is_fifo());
        assert_eq!(reader.join().expect("read"), b"component");
    }
}
