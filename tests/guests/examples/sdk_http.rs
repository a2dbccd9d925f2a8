//! Sends requests as its payload specifies, with the SDK's `http`.

use std::time::Duration;

use plugbay_sdk::http;
use plugbay_sdk::prelude::*;

#[derive(Deserialize, Schema)]
struct Asked {
    url: String,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    query: Vec<(String, String)>,
    #[serde(default)]
    send: Option<Value>,
    #[serde(default)]
    timeout_ms: Option<u64>,
    #[serde(default)]
    redirects: Option<u32>,
}

#[derive(Serialize, Schema)]
struct Told {
    status: u16,
    url: String,
    kind: Option<String>,
    text: String,
}

#[derive(Default)]
struct Client;

#[plugin]
impl Client {
    #[action]
    fn fetch(&mut self, asked: Asked) -> Result<Told> {
        let response = send(asked)?;
        Ok(Told {
            status: response.status(),
            url: response.url().to_owned(),
            kind: response.header("Content-Type").map(str::to_owned),
            text: response.text()?.to_owned(),
        })
    }

    #[action]
    fn json(&mut self, asked: Asked) -> Result<Value> {
        send(asked)?.checked()?.json()
    }
}

fn send(asked: Asked) -> Result<http::Response> {
    let mut request = http::request(asked.method.unwrap_or_else(|| "GET".to_owned()), asked.url);
    for (name, value) in asked.headers {
        request = request.header(name, value);
    }
    for (name, value) in &asked.query {
        request = request.query(name, value);
    }
    if let Some(value) = asked.send {
        request = request.json(&value);
    }
    if let Some(ms) = asked.timeout_ms {
        request = request.timeout(Duration::from_millis(ms));
    }
    if let Some(most) = asked.redirects {
        request = request.redirects(most);
    }
    request.send()
}
