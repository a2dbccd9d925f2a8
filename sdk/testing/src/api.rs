//! The server of a test's host, whose API the replies of the test answer.

use std::time::Duration;

use plugbay::api::ApiAccess;

/// The URL of the server: a name that no server has.
const URL: &str = "http://plugbay.test";

/// A server without a socket. Its tokens are texts that name the plugin and the scopes.
pub(crate) struct TestApi;

impl ApiAccess for TestApi {
    fn url(&self) -> Option<String> {
        Some(URL.to_owned())
    }

    fn issue(&self, plugin: &str, scopes: &[String], _: Duration) -> Result<String, String> {
        Ok(format!("{plugin} {}", scopes.join(" ")))
    }

    fn revoke(&self, _: &str) {}
}
