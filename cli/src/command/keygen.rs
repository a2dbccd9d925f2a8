//! `plugbay keygen`: a key pair of a publisher, in minisign's format.

use plugbay_catalog::signing::generate_key;
use serde_json::json;

use crate::args::Keygen;
use crate::catalog::write_file;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::password;

pub(crate) fn run(args: &Keygen, output: Output) -> Result<Exit, Error> {
    let (private_path, public_path) = (&args.output, args.output.with_extension("pub"));
    if *private_path == public_path {
        return Err(Error::Usage(
            "the private key cannot have the extension .pub, which the public key gets".to_owned(),
        ));
    }
    for path in [private_path, &public_path] {
        if path.symlink_metadata().is_ok() {
            return Err(Error::Usage(format!("{} exists, and no key is overwritten", path.display())));
        }
    }
    let password = new_password()?;
    if password.is_none() {
        output
            .note("the private key has no password: protect its file, or set PLUGBAY_KEY_PASSWORD and run this again");
    }
    let (public, private) = generate_key(password.as_deref())?;
    write_file(private_path, &private, true, false)?;
    write_file(&public_path, &public.to_file(), false, false)?;
    if output.json {
        output.document(&json!({
            "status": "ok", "id": public.id(), "public_key": public.line(), "private_key_file": private_path,
            "public_key_file": public_path, "password": password.is_some(),
        }))?;
    } else {
        output.result(&format!(
            "key          {}\nprivate key  {}\npublic key   {}\n\nTo trust it:\n  catalog: {{ trusted_keys: [{}] }}",
            public.id(),
            private_path.display(),
            public_path.display(),
            public.line()
        ))?;
    }
    Ok(Exit::Ok)
}

/// The password of the environment, or one that is typed twice.
fn new_password() -> Result<Option<String>, Error> {
    if let Some(given) = password::given() {
        return Ok(Some(given));
    }
    let Some(typed) = password::typed("Password of the new key (empty: none): ")? else { return Ok(None) };
    match password::typed("The same again: ")? {
        Some(again) if again == typed => Ok(Some(typed)),
        _ => Err(Error::Usage("the two passwords differ: nothing was written".to_owned())),
    }
}
