//! `plugbay sign`: writes the signature of a plugin beside it.

use std::path::Path;

use plugbay_catalog::PackageOrigin;
use plugbay_catalog::signing::{PrivateKey, SignatureError};
use plugbay_node::{ComponentScanner, HostFile};
use serde_json::json;

use crate::args::Sign;
use crate::catalog::write_file;
use crate::error::Error;
use crate::exit::Exit;
use crate::host;
use crate::output::Output;
use crate::password;

/// The most bytes of a key file. minisign's have about 250.
const KEY_BYTES_MAX: u64 = 4 << 10;

pub(crate) fn run(args: &Sign, output: Output) -> Result<Exit, Error> {
    let shown = args.plugin.display().to_string();
    let origin = PackageOrigin::parse(&shown).map_err(|error| Error::Usage(error.to_string()))?;
    let Some(target) = origin.signature_file() else {
        return Err(Error::Usage(format!("{shown} is not on this machine: sign it before it is published")));
    };
    let key = private_key(&args.key)?;
    let fetcher = plugbay_node::own_fetcher(&HostFile::default())?;
    let package = host::block_on(fetcher.fetch(&origin, &()))??.check(&ComponentScanner)?;
    let comment = format!("{} {}", package.name(), package.manifest.version);
    let signature = key.sign(&package.statement(), &comment)?;
    write_file(&target, &signature, false, true)?;
    if output.json {
        output.document(&json!({ "status": "ok", "path": target, "key": key.id(), "comment": comment }))?;
    } else {
        output.result(&format!("signed     {comment}\nsignature  {}\nkey        {}", target.display(), key.id()))?;
    }
    Ok(Exit::Ok)
}

/// Reads a private key. Its password is that of the environment, or is asked for.
pub(super) fn private_key(path: &Path) -> Result<PrivateKey, Error> {
    let read = plugbay_files::read_file(path, KEY_BYTES_MAX).and_then(|bytes| plugbay_files::text(path, bytes));
    let text = read.map_err(|error| Error::Usage(error.to_string()))?;
    match PrivateKey::parse(&text, None) {
        Err(SignatureError::PasswordNeeded) => {
            let typed = || password::typed(&format!("Password of {}: ", path.display()));
            let password = password::given().map_or_else(typed, |given| Ok(Some(given)))?;
            Ok(PrivateKey::parse(&text, password.as_deref())?)
        }
        parsed => Ok(parsed?),
    }
}
