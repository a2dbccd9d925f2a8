//! What an update asks for, from installed packages and not from manifests alone.

use plugbay_catalog::Consent;
use plugbay_catalog::difference::PermissionChange;
use serde_json::{Value, json};

use crate::harness::{catalog, check_refused, component, directory, install};

fn version(number: u8, fields: Value) -> Vec<u8> {
    let mut manifest = json!({ "name": "hello", "version": format!("{number}.0.0") });
    manifest.as_object_mut().expect("an object").extend(fields.as_object().cloned().unwrap_or_default());
    component(&manifest)
}

#[tokio::test]
async fn update_that_widens_needs_consent_and_shows_what() {
    let files = directory(&[("hello.wasm", &version(1, json!({ "permissions": [{ "resource": "log" }] })))]);
    let path = files.path().join("hello.wasm");
    let catalog = catalog();
    install(&catalog, &path.display().to_string()).await.expect("installed");
    let wider = json!({
        "permissions": [{ "resource": "log" }, { "resource": "http.api.example.org" }],
        "resources": { "timeout_seconds": 60, "max_memory_mb": 64 },
        "execution_mode": "trusted",
    });
    std::fs::write(&path, version(2, wider)).expect("written");
    let candidate = catalog.update_candidate("hello", None, &()).await.expect("found");
    let difference = &candidate.difference;
    let expected = "trusted mode, `http.api.example.org`, timeout_seconds 60 s instead of 10 s";
    assert_eq!(difference.summary(), expected);
    assert!(matches!(&*difference.permissions, [PermissionChange::Added(rule)] if rule.resource.starts_with("http.")));
    assert!(difference.limits.iter().any(|limit| limit.limit == "max_memory_mb" && !limit.grows));
    let shown = serde_json::to_value(difference).expect("JSON");
    assert_eq!(shown["execution_mode"], json!({ "from": "sandboxed", "to": "trusted" }));
    assert_eq!(shown["permissions"][0]["change"], "added");
    check_refused(catalog.install(&candidate, Consent::none()).await, "unconfirmed", expected);
    assert_eq!(catalog.installed("hello").await.expect("installed").current.version.major, 1);
    catalog.install(&candidate, Consent::widening()).await.expect("updated");
}
