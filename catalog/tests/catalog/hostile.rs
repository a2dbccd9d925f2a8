//! Random changes of valid texts: whatever arrives, the answer is a value or an error, and what is accepted keeps the
//! rules. The seed is printed; `PLUGBAY_SEED` repeats a run.

use plugbay_catalog::registry::{OciReference, Registries};
use plugbay_catalog::signing::{PrivateKey, PublicKey, SignedBy, Statement, generate_key};
use plugbay_catalog::{Digest, PackageOrigin, Trust};

use crate::harness::catalog;

const ROUNDS: usize = 20_000;

fn generator() -> fastrand::Rng {
    let given = std::env::var("PLUGBAY_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    println!("PLUGBAY_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// The text with some characters replaced, removed, doubled or cut off.
fn changed(random: &mut fastrand::Rng, text: &str) -> String {
    const SPECIAL: &[char] =
        &['/', '.', ':', '@', '%', '\\', '"', '\0', '\n', ' ', '-', 'ä', '{', '=', '\u{202e}', '9', 'A'];
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..random.usize(1..4) {
        if characters.is_empty() {
            break;
        }
        let at = random.usize(..characters.len());
        match random.u8(..5) {
            0 => characters[at] = SPECIAL[random.usize(..SPECIAL.len())],
            1 => drop(characters.remove(at)),
            2 => characters.insert(at, characters[at]),
            3 => characters.insert(at, SPECIAL[random.usize(..SPECIAL.len())]),
            _ => characters.truncate(at),
        }
    }
    characters.into_iter().collect()
}

#[test]
fn references_that_are_accepted_have_no_path_tricks() {
    let mut random = generator();
    let digest = Digest::of(b"x");
    let valid = ["ghcr.io/acme/hello:1.0.0", "[::1]:5000/a/b_c:x", &format!("localhost:5000/a-b@{digest}")];
    for _ in 0..ROUNDS {
        let text = valid[random.usize(..valid.len())];
        let text = changed(&mut random, text);
        let Ok(reference) = text.parse::<OciReference>() else { continue };
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_graphic() && !"%?#\\\"'<>".contains(c));
        assert!(plain(&reference.registry) && plain(&reference.repository), "{text}");
        assert!(!reference.repository.contains("..") && !reference.repository.starts_with('/'), "{text}");
        assert_eq!(reference.to_string().parse(), Ok(reference), "{text}");
    }
}

#[test]
fn any_text_is_an_origin_or_an_error() {
    let mut random = generator();
    let valid =
        ["https://example.org/plugin.json?x=1", "file:///srv/hello.wasm", "acme:hello@1.0.0", "oci://ghcr.io/a/b:1"];
    for _ in 0..ROUNDS {
        let text = valid[random.usize(..valid.len())];
        let text = changed(&mut random, text);
        match PackageOrigin::parse(&text) {
            Ok(origin) => drop(origin.to_string()),
            Err(error) => assert!(!error.to_string().contains(['\n', '\0', '\u{202e}']), "{error:?}"),
        }
    }
}

#[test]
fn settings_are_read_or_refused() {
    let mut random = generator();
    let wkg = "default_registry = \"a.b\"\n[registry.\"a.b\".oci]\nauth = \"b3BlbjpzZXNhbWU=\"\nprotocol = \"http\"\n";
    let docker = r#"{"auths":{"https://quay.io/":{"auth":"YTpi"}}}"#;
    for _ in 0..ROUNDS / 10 {
        if let Err(error) = Registries::from_wkg("x", &changed(&mut random, wkg)) {
            assert!(!error.to_string().contains("b3Blbj"), "{error}");
        }
        if let Err(error) = Registries::default().add_docker("x", &changed(&mut random, docker)) {
            assert!(!error.to_string().contains("YTpi"), "{error}");
        }
    }
}

#[test]
fn no_changed_signature_is_accepted() {
    let mut random = generator();
    let (public, private) = generate_key(None).expect("a key");
    let key = PrivateKey::parse(&private, None).expect("a key");
    let statement = Statement::of(Digest::of(b"x"), None, &[]);
    let signature = key.sign(&statement, "hello 1.0.0").expect("signed");
    let trust = Trust::new(vec![public.clone()]).required(true);
    let lines = |text: &str| text.lines().skip(1).map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    for _ in 0..ROUNDS / 20 {
        let text = changed(&mut random, &signature);
        // The first line is a comment that nothing covers, and white space around a line has no meaning.
        if let Ok(SignedBy::Key { .. }) = trust.check(&statement, Some(&text)) {
            assert_eq!(lines(&text)[..3], lines(&signature)[..3], "{text}");
        }
        let _ = PublicKey::parse(&changed(&mut random, public.line()));
        let _ = PrivateKey::parse(&changed(&mut random, &private), Some(""));
    }
}

#[tokio::test]
async fn changed_documents_are_saved_or_refused() {
    let mut random = generator();
    let catalog = catalog();
    let valid = r#"{"name":"hello","version":"1.0.0","tags":["a"],"plugin":"AGFzbQ0AAQA="}"#;
    for _ in 0..ROUNDS / 50 {
        let text = changed(&mut random, valid);
        let answer = catalog.save_plugin(&text, true).await;
        assert_eq!(answer.success, answer.error.is_none(), "{text}");
    }
    for record in catalog.get_all().await.expect("readable") {
        let name = record["name"].as_str().expect("a name");
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)), "{name}");
    }
}
