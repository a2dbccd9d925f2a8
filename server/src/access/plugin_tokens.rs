//! The tokens of plugins: made for a few minutes while a plugin runs, and stored nowhere.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use plugbay::api::ApiAccess;
use plugbay::clock::{Clock, SystemClock};

use super::secret::{self, SecretDigest, SecretKind};
use super::{Identity, Scope};

/// The most tokens of all plugins together.
const TOKENS_MAX: usize = 10_000;

/// The tokens of a host's plugins for its server, for [`RuntimeBuilder::api`](plugbay::RuntimeBuilder::api) and
/// [`Access::plugins`](super::Access::plugins). Clones share them.
///
/// The consumer of such a token is `plugin:` and the plugin's name.
#[derive(Clone)]
pub struct PluginTokens(Arc<Inner>);

struct Inner {
    url: OnceLock<String>,
    clock: Box<dyn Clock>,
    tokens: Mutex<HashMap<SecretDigest, PluginToken>>,
}

struct PluginToken {
    identity: Identity,
    /// In seconds since 1970.
    expires_at: u64,
}

impl PluginTokens {
    /// No tokens, of a server that does not listen yet.
    pub fn new() -> Self {
        PluginTokens::with_clock(SystemClock)
    }

    /// The same with a clock by which tokens expire. Default: the machine's.
    pub fn with_clock(clock: impl Clock) -> Self {
        let (url, tokens) = (OnceLock::new(), Mutex::default());
        PluginTokens(Arc::new(Inner { url, clock: Box::new(clock), tokens }))
    }

    /// Sets the URL at which plugins reach the server, without a path. The first one counts.
    pub fn set_url(&self, url: impl Into<String>) {
        let _ = self.0.url.set(url.into());
    }

    /// Whether a text has the form of a plugin's token.
    pub(super) fn is_one(text: &str) -> bool {
        secret::digest(SecretKind::Plugin, text).is_some()
    }

    /// The plugin with a valid token.
    pub(super) fn verify(&self, text: &str) -> Option<Identity> {
        let digest = secret::digest(SecretKind::Plugin, text)?;
        let tokens = self.0.tokens.lock();
        let token = tokens.get(&digest).filter(|token| token.expires_at > self.now())?;
        Some(token.identity.clone())
    }

    fn now(&self) -> u64 {
        self.0.clock.now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs()
    }
}

impl ApiAccess for PluginTokens {
    fn url(&self) -> Option<String> {
        self.0.url.get().cloned()
    }

    fn issue(&self, plugin: &str, scopes: &[String], lifetime: Duration) -> Result<String, String> {
        let scopes = scopes.iter().map(|scope| scope.parse()).collect::<Result<Vec<Scope>, _>>();
        let identity = Identity::new(format!("plugin:{plugin}"), scopes.map_err(|error| error.to_string())?);
        let text = secret::generate(SecretKind::Plugin).map_err(|error| error.to_string())?;
        let digest = secret::digest(SecretKind::Plugin, &text).ok_or("the new token has no form")?;
        let now = self.now();
        let mut tokens = self.0.tokens.lock();
        if tokens.len() >= TOKENS_MAX {
            tokens.retain(|_, token| token.expires_at > now);
        }
        if tokens.len() >= TOKENS_MAX {
            return Err(format!("the plugins of this host have {TOKENS_MAX} tokens, which is the maximum"));
        }
        tokens.insert(digest, PluginToken { identity, expires_at: now.saturating_add(lifetime.as_secs()) });
        Ok(text)
    }

    fn revoke(&self, token: &str) {
        if let Some(digest) = secret::digest(SecretKind::Plugin, token) {
            self.0.tokens.lock().remove(&digest);
        }
    }
}

impl Default for PluginTokens {
    fn default() -> Self {
        PluginTokens::new()
    }
}

impl fmt::Debug for PluginTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginTokens").field("url", &self.0.url.get()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use plugbay::clock::ManualClock;

    use super::*;

    #[test]
    fn token_is_valid_for_its_time_and_until_it_is_revoked() {
        let clock = ManualClock::default();
        let tokens = PluginTokens::with_clock(clock.clone());
        let issue = || tokens.issue("p", &["call:a".to_owned()], Duration::from_secs(300)).expect("made");
        let (first, second) = (issue(), issue());
        let identity = tokens.verify(&first).expect("valid");
        assert_eq!((identity.consumer(), identity.scopes_for("a")), (Some("plugin:p"), vec!["call"]));
        tokens.revoke(&second);
        assert!(tokens.verify(&second).is_none() && tokens.verify("pbp_wrong").is_none());
        clock.advance(Duration::from_secs(299));
        assert!(tokens.verify(&first).is_some());
        clock.advance(Duration::from_secs(1));
        assert!(tokens.verify(&first).is_none());
    }

    #[test]
    fn number_of_tokens_is_bounded_and_those_that_ended_do_not_count() {
        let clock = ManualClock::default();
        let tokens = PluginTokens::with_clock(clock.clone());
        let issue = || tokens.issue("p", &["read".to_owned()], Duration::from_secs(300));
        for _ in 0..TOKENS_MAX {
            issue().expect("made");
        }
        assert!(issue().expect_err("too many").contains("maximum"));
        clock.advance(Duration::from_secs(300));
        issue().expect("made");
        assert!(tokens.issue("p", &["admin".to_owned()], Duration::from_secs(300)).is_err());
    }
}
