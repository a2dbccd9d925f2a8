//! Lists the files of the contract, which `plugbay wit` writes, so that a new interface needs no line in the command.

use std::fmt::Write;
use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=wit");
    let variable = |name| env::var_os(name).ok_or_else(|| io::Error::other(format!("cargo sets {name}")));
    let contract = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("wit");
    let mut files = Vec::new();
    for entry in fs::read_dir(contract)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wit") {
            files.push(path);
        }
    }
    files.sort();
    let mut list = String::from("&[\n");
    for file in &files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        // Not an absolute path: this script does not run again when the checkout moves.
        let path = format!("/wit/{name}");
        let _ = writeln!(list, "({name:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {path:?}))),");
    }
    list.push(']');
    fs::write(PathBuf::from(variable("OUT_DIR")?).join("contract.rs"), list)
}
