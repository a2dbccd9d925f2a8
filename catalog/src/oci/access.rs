//! Access to a registry: the challenge of a refused request is answered with credentials or a token.
//!
//! The token service is named by the registry. Credentials are sent to it over TLS only, or if the operator named its
//! host as one that is reached without encryption.

use data_encoding::BASE64;
use hyper::Method;
use hyper::header::WWW_AUTHENTICATE;
use serde::Deserialize;
use url::Url;

use crate::http::{Authorization, Client, Request, Response, TransferError, TransferProblem};
use crate::limits::REPLY_BYTES_MAX;
use crate::registries::Credentials;

/// A challenge of a registry.
#[derive(Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

/// The reply of a token service.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// The header field that answers the challenge of a refused request. Nothing if it cannot be answered.
pub(super) async fn answer(
    client: &Client,
    refused: &Response,
    credentials: Option<&Credentials>,
    default_scope: &str,
) -> Result<Option<Authorization>, TransferError> {
    let header = refused.header(WWW_AUTHENTICATE.as_str());
    match (header.and_then(parse), credentials) {
        (Some(Challenge::Basic), Some(Credentials::Password { user, password })) => Ok(basic(user, password)),
        (Some(Challenge::Bearer { .. }), Some(Credentials::Token(token))) => {
            Ok(Authorization::new(&format!("Bearer {token}")))
        }
        (Some(Challenge::Bearer { realm, service, scope }), credentials) => {
            let url = token_url(&realm, service.as_deref(), scope.as_deref().unwrap_or(default_scope));
            let url = url.ok_or_else(|| TransferProblem::Protocol(protocol_text()).at(refused.url()))?;
            token(client, &url, credentials).await
        }
        (Some(Challenge::Basic), _) | (None, _) => Ok(None),
    }
}

fn protocol_text() -> String {
    "the registry names a token service that is not a URL".to_owned()
}

fn basic(user: &str, password: &str) -> Option<Authorization> {
    Authorization::new(&format!("Basic {}", BASE64.encode(format!("{user}:{password}").as_bytes())))
}

async fn token(
    client: &Client,
    url: &Url,
    credentials: Option<&Credentials>,
) -> Result<Option<Authorization>, TransferError> {
    let mut request = Request::new(Method::GET, url.clone());
    if let Some(Credentials::Password { user, password }) = credentials {
        request.authorization = basic(user, password);
    }
    let reply = client.send(request).await?.read(REPLY_BYTES_MAX, "token", &()).await?;
    let token: Token = serde_json::from_slice(&reply)
        .map_err(|_| TransferProblem::Protocol("the token service answered without a token".to_owned()).at(url))?;
    Ok(token.token.or(token.access_token).and_then(|token| Authorization::new(&format!("Bearer {token}"))))
}

fn token_url(realm: &str, service: Option<&str>, scope: &str) -> Option<Url> {
    let mut url = Url::parse(realm).ok()?;
    let mut query = url.query_pairs_mut();
    if let Some(service) = service {
        query.append_pair("service", service);
    }
    query.append_pair("scope", scope);
    drop(query);
    Some(url)
}

/// Reads the first challenge of a header field: `Bearer realm="…",service="…",scope="…"`.
fn parse(header: &str) -> Option<Challenge> {
    let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let (mut realm, mut service, mut scope) = (None, None, None);
    let mut rest = rest.trim_start();
    while let Some((name, value)) = rest.split_once('=') {
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_once(',').unwrap_or((value, "")),
        };
        match &*name.trim().to_ascii_lowercase() {
            "realm" => realm = Some(value.to_owned()),
            "service" => service = Some(value.to_owned()),
            "scope" => scope = Some(value.to_owned()),
            _ => {}
        }
        rest = after.trim_start_matches([',', ' ']);
    }
    Some(Challenge::Bearer { realm: realm?, service, scope })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenge_of_a_token_service_is_read() {
        let header = r#"Bearer realm="https://auth.example/token",service="registry",scope="repository:a/b:pull,push""#;
        let expected = Challenge::Bearer {
            realm: "https://auth.example/token".to_owned(),
            service: Some("registry".to_owned()),
            scope: Some("repository:a/b:pull,push".to_owned()),
        };
        assert_eq!(parse(header), Some(expected));
        assert_eq!(parse("Basic realm=\"x\""), Some(Challenge::Basic));
        for wrong in ["", "Digest realm=\"x\"", "Bearer", "Bearer realm=\"x", "Bearer service=\"x\""] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn scope_is_encoded_in_the_query() {
        let url = token_url("https://auth.example/token?a=1", Some("r"), "repository:a/b:pull").expect("a URL");
        assert_eq!(url.as_str(), "https://auth.example/token?a=1&service=r&scope=repository%3Aa%2Fb%3Apull");
    }
}
