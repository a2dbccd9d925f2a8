//! `plugbay:plugin/api` over the API of the host's server.

use plugbay_manifest::PermissionAction;

use super::HostState;
use super::bindings::plugbay::plugin::api as wit;
use super::failure::{Failure, INVALID_ARGUMENT, UNAVAILABLE, failure};
use crate::service::api::{ApiError, resources};

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let text = error.to_string();
        match error {
            ApiError::Invalid(_) => failure(INVALID_ARGUMENT, text),
            ApiError::Unavailable(_) => failure(UNAVAILABLE, text),
        }
    }
}

impl HostState {
    /// Each scope needs its own permission, whether a token with it was made before or not.
    fn api_token(&self, scopes: &[String]) -> Result<String, Failure> {
        for resource in resources(scopes)? {
            self.check(&resource, PermissionAction::Execute)?;
        }
        Ok(self.plugin.api.token(scopes, self.plugin.clock.now())?.to_string())
    }
}

impl wit::Host for HostState {
    async fn token(&mut self, scopes: Vec<String>) -> Result<String, Failure> {
        let token = self.api_token(&scopes);
        self.end_host_call(scopes.iter().map(String::len).sum::<usize>()).await;
        token
    }
}
