//! The schemas that the samples' models become.

use plugbay_sdk::json;

#[test]
fn models_are_schemas_that_the_host_checks() {
    let manifest = json!(xcore_users::native_instance().manifest()).to_string();
    for keyword in [r#""minLength":3"#, r#""maxLength":50"#, r#""format":"email""#, r#""maximum":150"#] {
        assert!(manifest.contains(keyword), "{keyword} in {manifest}");
    }
}

#[test]
fn payload_that_does_not_fit_is_a_validation_error() {
    let error = xcore_users::native_instance().call("create_user", json!({ "username": 7 })).expect_err("no user");
    assert_eq!(error.code(), "validation_error");
}
