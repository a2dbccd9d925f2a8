//! The API of the host's server for plugins: its address, and short-lived tokens of the plugin's own.
//!
//! The runtime has no server. The application that runs one provides it as an [`ApiAccess`]. Permissions are checked by
//! the adapter (`host/api.rs`); this file holds the tokens of one plugin, and renews and revokes them.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use plugbay_manifest::check_plugin_name;
use serde_json::{Value, json};

use crate::limits::{API_SCOPES_MAX, API_TOKENS_MAX};
use crate::service::http::Target;

/// The time for which a token of a plugin is valid.
pub(crate) const TOKEN_LIFETIME: Duration = Duration::from_secs(300);
/// A token with less time left than this is replaced. A call with the default deadline of 10 s does not see its token
/// end.
const RENEWED_BEFORE: Duration = Duration::from_secs(30);

/// The kinds of access, as the scopes of the server's tokens name them.
const KINDS: [&str; 3] = ["read", "call", "manage"];

/// A server whose API plugins may use, and its tokens. Permissions are checked before it is called.
pub trait ApiAccess: Send + Sync + 'static {
    /// The URL of the server without a path, such as `http://127.0.0.1:7070`. `None` until the server listens.
    fn url(&self) -> Option<String>;

    /// Makes a token for a plugin with scopes such as `read` and `call:greeter`, valid from now on for this time.
    ///
    /// # Errors
    /// The reason why no token can be made.
    fn issue(&self, plugin: &str, scopes: &[String], lifetime: Duration) -> Result<String, String>;

    /// Ends the validity of a token that [`ApiAccess::issue`] made.
    fn revoke(&self, token: &str);
}

/// A plugin gets no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    /// A text is not a scope, or there are none or too many.
    #[error("{_0}")]
    Invalid(String),
    /// The host has no server, or it makes no tokens.
    #[error("{_0}")]
    Unavailable(String),
}

/// The tokens of one plugin.
pub(crate) struct PluginApi {
    plugin: Arc<str>,
    access: Option<Arc<dyn ApiAccess>>,
    /// Those that have not ended when the latest one was asked for.
    tokens: Mutex<Vec<HeldToken>>,
}

struct HeldToken {
    /// Sorted.
    scopes: Vec<String>,
    text: String,
    expires: SystemTime,
}

impl PluginApi {
    pub(crate) fn new(plugin: Arc<str>, access: Option<Arc<dyn ApiAccess>>) -> Self {
        PluginApi { plugin, access, tokens: Mutex::default() }
    }

    /// The token with these scopes, which [`resources`] has checked: the one that the plugin has, unless it ends soon.
    /// A token that is replaced stays valid for the calls that have it.
    pub(crate) fn token(&self, scopes: &[String], now: SystemTime) -> Result<Value, ApiError> {
        let unavailable = |reason: &str| ApiError::Unavailable(reason.to_owned());
        let access = self.access.as_ref().ok_or_else(|| unavailable("this host has no server"))?;
        let url = access.url().ok_or_else(|| unavailable("the server of this host does not listen yet"))?;
        let mut scopes = scopes.to_vec();
        scopes.sort_unstable();
        scopes.dedup();
        let left = |held: &HeldToken| held.expires.duration_since(now).unwrap_or_default();
        let mut tokens = self.tokens.lock();
        if let Some(held) = tokens.iter().find(|held| held.scopes == scopes && left(held) >= RENEWED_BEFORE) {
            return Ok(described(&url, &held.text, &scopes, left(held)));
        }
        tokens.retain(|held| held.expires > now);
        if tokens.len() >= API_TOKENS_MAX {
            let reason = format!("the plugin has {API_TOKENS_MAX} tokens, which is the maximum: name fewer scopes");
            return Err(ApiError::Invalid(reason));
        }
        let text = access.issue(&self.plugin, &scopes, TOKEN_LIFETIME).map_err(ApiError::Unavailable)?;
        let answer = described(&url, &text, &scopes, TOKEN_LIFETIME);
        tokens.push(HeldToken { scopes, text, expires: now + TOKEN_LIFETIME });
        Ok(answer)
    }

    /// Whether a request goes to the server with a token of this plugin. It then needs no other permission: the server
    /// decides by the token's scopes. Without a token it is a request like any other, so that no plugin gets what
    /// clients without a token may do.
    pub(crate) fn admits(&self, target: &Target, headers: &http::HeaderMap) -> bool {
        let Some(access) = &self.access else { return false };
        let mut credentials = headers.get_all(http::header::AUTHORIZATION).iter();
        let (Some(value), None) = (credentials.next(), credentials.next()) else { return false };
        let Some(token) = value.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")) else { return false };
        let is_own = self.tokens.lock().iter().any(|held| held.text == token);
        let server = access.url().and_then(|url| Target::read(&url.parse::<http::Uri>().ok()?));
        is_own && server.as_ref() == Some(target)
    }

    /// Ends the validity of all tokens of the plugin.
    pub(crate) fn revoke(&self) {
        let tokens = std::mem::take(&mut *self.tokens.lock());
        if let Some(access) = &self.access {
            tokens.iter().for_each(|held| access.revoke(&held.text));
        }
    }
}

impl Drop for PluginApi {
    fn drop(&mut self) {
        self.revoke();
    }
}

impl fmt::Debug for PluginApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginApi").field("plugin", &self.plugin).finish_non_exhaustive()
    }
}

fn described(url: &str, token: &str, scopes: &[String], left: Duration) -> Value {
    json!({ "url": url, "token": token, "scopes": scopes, "expiresInSeconds": left.as_secs() })
}

/// The resources that scopes need: `api.read` for `read`, and `api.call.greeter` for `call:greeter`.
///
/// # Errors
/// [`ApiError::Invalid`] if a text is not a scope, or there are none or too many.
pub(crate) fn resources(scopes: &[String]) -> Result<Vec<String>, ApiError> {
    if scopes.is_empty() || scopes.len() > API_SCOPES_MAX {
        return Err(ApiError::Invalid(format!("a token has 1 to {API_SCOPES_MAX} scopes")));
    }
    scopes.iter().map(|scope| resource(scope)).collect()
}

fn resource(scope: &str) -> Result<String, ApiError> {
    let (kind, plugin) = match scope.split_once(':') {
        Some((kind, plugin)) => (kind, Some(plugin)),
        None => (scope, None),
    };
    if !KINDS.contains(&kind) || plugin.is_some_and(|name| check_plugin_name(name).is_err()) {
        let shown: String = scope.chars().take(100).collect();
        let rule = "write read, call or manage, for one plugin with its name as in call:greeter";
        return Err(ApiError::Invalid(format!("`{}` is not a scope: {rule}", shown.escape_debug())));
    }
    Ok(match plugin {
        Some(plugin) => format!("api.{kind}.{plugin}"),
        None => format!("api.{kind}"),
    })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    /// A server that numbers its tokens.
    #[derive(Default)]
    struct Numbered(Mutex<Vec<String>>);

    impl ApiAccess for Arc<Numbered> {
        fn url(&self) -> Option<String> {
            Some("http://127.0.0.1:7070".to_owned())
        }

        fn issue(&self, plugin: &str, scopes: &[String], _: Duration) -> Result<String, String> {
            let mut made = self.0.lock();
            let text = format!("{plugin}-{}-{}", made.len(), scopes.join("+"));
            made.push(text.clone());
            Ok(text)
        }

        fn revoke(&self, token: &str) {
            self.0.lock().push(format!("revoked {token}"));
        }
    }

    fn scopes(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn scopes_are_resources() {
        let read = |texts: &[&str]| resources(&scopes(texts));
        assert_eq!(read(&["read", "call:greeter"]), Ok(scopes(&["api.read", "api.call.greeter"])));
        for wrong in [&[][..], &["admin"], &["call:"], &["call:A*"], &["read:a:b"], &["read,call"], &["read"; 17]] {
            assert!(matches!(read(wrong), Err(ApiError::Invalid(_))), "{wrong:?}");
        }
    }

    #[test]
    fn token_is_renewed_before_it_ends_and_revoked_with_the_plugin() {
        let server = Arc::new(Numbered::default());
        let api = PluginApi::new("p".into(), Some(Arc::new(server.clone())));
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let token = |texts: &[&str], seconds| api.token(&scopes(texts), at(seconds)).expect("a token")["token"].clone();
        assert_eq!(token(&["read", "call"], 0), "p-0-call+read");
        assert_eq!(token(&["call", "read", "read"], 270), "p-0-call+read");
        assert_eq!(token(&["call", "read"], 271), "p-1-call+read");
        assert_eq!(token(&["read"], 271), "p-2-read");
        drop(api);
        assert_eq!(server.0.lock()[3..], ["revoked p-0-call+read", "revoked p-1-call+read", "revoked p-2-read"]);
    }

    #[test]
    fn only_a_request_with_an_own_token_to_the_server_is_admitted() {
        let api = PluginApi::new("p".into(), Some(Arc::new(Arc::new(Numbered::default()))));
        api.token(&scopes(&["read"]), UNIX_EPOCH).expect("a token");
        let admits = |url: &str, credentials: &[&'static str]| {
            let target = Target::read(&url.parse().expect("a URL")).expect("a host");
            let header = |&value| (http::header::AUTHORIZATION, http::HeaderValue::from_static(value));
            let headers = credentials.iter().map(header);
            api.admits(&target, &headers.collect())
        };
        let own = "Bearer p-0-read";
        assert!(admits("http://127.0.0.1:7070/state", &[own]) && admits("http://127.1:7070/", &[own]));
        for (url, credentials) in [
            ("http://127.0.0.1:7070/", &[][..]),
            ("http://127.0.0.1:7070/", &["Bearer other"]),
            ("http://127.0.0.1:7070/", &[own, own]),
            ("http://127.0.0.1:7071/", &[own]),
            ("https://127.0.0.1:7070/", &[own]),
            ("http://localhost:7070/", &[own]),
        ] {
            assert!(!admits(url, credentials), "{url} {credentials:?}");
        }
    }

    #[test]
    fn host_without_a_server_says_so() {
        let error = PluginApi::new("p".into(), None).token(&scopes(&["read"]), UNIX_EPOCH).expect_err("no server");
        assert_eq!(error, ApiError::Unavailable("this host has no server".to_owned()));
    }
}
