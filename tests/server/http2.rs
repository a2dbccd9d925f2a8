//! HTTP/2 and TLS: routes and limits are those of HTTP/1.1, and streams cannot be used against the server.

use plugbay_server::{Server, ServerState, TlsCertificate, plugin_routes};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::client;
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};
use crate::harness::patience::{ends, until};
use crate::harness::serving::Serving;
use crate::harness::tls::{CertificateFiles, Http2, connect, get_http1};

/// A host with the guest `exchange` at `POST /plugins/shop`, and the guest `sleep` at `POST /plugins/slow`.
async fn host() -> Host {
    let host = Host::new();
    let route = |action: &str| json!([{ "method": "POST", "path": "/", "actions": [action] }]);
    let shop = TestPlugin::from(feature::EXCHANGE).manifest("name", json!("shop"));
    host.load(shop.manifest("routes", route("request"))).await;
    let slow = TestPlugin::from(feature::SLEEP).manifest("name", json!("slow")).resource("timeout_seconds", json!(300));
    let slow = slow.resource("instances", json!(8));
    host.load(slow.manifest("routes", route("sleep"))).await;
    host
}

/// A server over TLS, with what it needs to live as long as the test.
struct Secured {
    address: std::net::SocketAddr,
    certificate: TlsCertificate,
    files: CertificateFiles,
    state: ServerState,
    task: tokio::task::JoinHandle<()>,
    _host: Host,
}

impl Secured {
    async fn start(change: impl FnOnce(&mut plugbay_server::ServerSettings)) -> Self {
        let (host, files) = (host().await, CertificateFiles::new());
        let certificate = TlsCertificate::open(files.path("cert.pem"), files.path("key.pem")).expect("usable");
        let mut settings = plugbay_server::ServerSettings::default();
        change(&mut settings);
        let state = ServerState::new(&host.runtime, settings);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (server, served) = (Server::new(&state, plugin_routes(&state)), certificate.clone());
        let task = tokio::spawn(async move { server.serve_tls(listener, &served).await.expect("TLS") });
        Secured { address, certificate, files, state, task, _host: host }
    }

    /// A connection that trusts the authority of the present certificate.
    async fn connect(&self, protocols: &[&str]) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        connect(self.address, &self.files.path("root.pem"), protocols).await
    }

    async fn close(self) {
        self.state.close();
        ends(self.task).await.expect("it does not panic");
    }
}

#[tokio::test]
async fn client_chooses_the_protocol_over_tls() {
    let secured = Secured::start(|_| {}).await;
    let stream = secured.connect(&["h2", "http/1.1"]).await.expect("TLS");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let answer = Http2::over(stream).await.request("POST", "/plugins/shop", "7").await;
    assert_eq!((answer.status, &answer.json()["body"]), (200, &json!("7")), "{}", answer.text());
    let stream = secured.connect(&["http/1.1"]).await.expect("TLS");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(get_http1(stream, "/plugins/routes").await.expect("an answer").status, 200);
    assert!(secured.connect(&["spdy/3"]).await.is_err(), "no protocol in common");
    secured.close().await;
}

#[tokio::test]
async fn new_certificate_is_used_and_a_bad_one_is_not() {
    let secured = Secured::start(|_| {}).await;
    let before = Http2::over(secured.connect(&["h2"]).await.expect("TLS")).await;
    secured.files.renew();
    secured.connect(&["h2"]).await.expect_err("the old certificate is not of the new authority");
    assert!(secured.certificate.reload().expect("usable"));
    assert!(!secured.certificate.reload().expect("usable"), "nothing changed");
    let key = std::fs::read_to_string(secured.files.path("key.pem")).expect("the key");
    secured.connect(&["h2"]).await.expect("the new certificate");
    for (name, text) in [("cert.pem", "not a certificate"), ("key.pem", "")] {
        secured.files.write_text(name, text);
        let error = secured.certificate.reload().expect_err("not usable").to_string();
        assert!(error.contains(name) || name == "key.pem", "{error}");
        secured.connect(&["h2"]).await.expect("the present certificate");
    }
    // The key of another certificate.
    let other = CertificateFiles::new();
    std::fs::copy(other.path("cert.pem"), secured.files.path("cert.pem")).expect("copied");
    secured.files.write_text("key.pem", &key);
    let error = secured.certificate.reload().expect_err("not a pair").to_string();
    assert!(error.contains("not that of the certificate"), "{error}");
    secured.connect(&["h2"]).await.expect("the present certificate");
    assert_eq!(before.request("POST", "/plugins/shop", "1").await.status, 200, "connections continue");
    secured.close().await;
}

#[tokio::test]
async fn handshake_that_is_not_completed_ends() {
    let soon = std::time::Duration::from_millis(100);
    let secured = Secured::start(|settings| settings.header_timeout = soon).await;
    for bytes in [&b""[..], b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n", b"\x16\x03\x01\xff\xff\x01"] {
        let mut stream = TcpStream::connect(secured.address).await.expect("it listens");
        stream.write_all(bytes).await.expect("sent");
        let mut rest = Vec::new();
        // A reset also ends it.
        let _ = ends(stream.read_to_end(&mut rest)).await;
        assert!(!rest.starts_with(b"HTTP"), "no answer without TLS");
    }
    secured.close().await;
}

#[tokio::test]
async fn limits_of_requests_apply_to_http2() {
    let change = |settings: &mut plugbay_server::ServerSettings| {
        settings.body_bytes_max = 1_000;
        settings.url_bytes_max = 1_000;
        settings.header_bytes_max = 8 << 10;
    };
    let serving = Serving::with(host().await, change).await;
    let client = Http2::plain(serving.address).await;
    assert_eq!(client.request("POST", "/plugins/shop", "1").await.status, 200);
    let large = client.request("POST", "/plugins/shop", vec![b'1'; 1_001]).await;
    assert_eq!(large.error(), (413, "payload_too_large".to_owned()));
    let long = client.request("GET", &format!("/plugins/shop?{}", "a".repeat(1_000)), "").await;
    assert_eq!(long.error(), (414, "url_too_long".to_owned()));
    let head = client.try_request("GET", "/plugins/shop", &[("x-large", &"a".repeat(20_000))], "").await;
    assert!(head.is_err() || head.is_ok_and(|answer| answer.status == 431));
    let (method, path) = ("CONNECT", "/plugins/shop");
    assert!(client.try_request(method, path, &[], "").await.is_ok_and(|answer| answer.status >= 400));
    assert_eq!(Http2::plain(serving.address).await.request("POST", "/plugins/shop", "1").await.status, 200);
    serving.close().await;
}

#[tokio::test]
async fn streams_of_one_connection_run_at_once_up_to_their_limit() {
    let serving = Serving::with(host().await, |settings| settings.requests_max = 3).await;
    let client = Http2::plain(serving.address).await;
    let sleeping: Vec<_> = (0..3)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.try_request("POST", "/plugins/slow", &[], "300000").await })
        })
        .collect();
    let log = serving.host.log.clone();
    let count = || log.lines().iter().filter(|line| line.message == "sleeping").count();
    until("three requests run", async || (count() == 3).then_some(())).await;
    let refused = client.request("POST", "/plugins/shop", "1").await;
    assert_eq!(refused.error(), (503, "busy".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("1"));
    sleeping.iter().for_each(tokio::task::JoinHandle::abort);
    until("their places are free", async || {
        (client.request("POST", "/plugins/shop", "1").await.status == 200).then_some(())
    })
    .await;
    let many = (0..300).map(|number| {
        let client = client.clone();
        tokio::spawn(async move {
            loop {
                let answer = client.request("POST", "/plugins/shop", number.to_string()).await;
                match answer.status {
                    503 => tokio::task::yield_now().await,
                    _ => return answer.json()["body"].clone(),
                }
            }
        })
    });
    for (number, answer) in many.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(answer.await.expect("an answer"), Value::from(number.to_string()));
    }
    serving.close().await;
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[tokio::test]
async fn streams_that_are_reset_at_once_end_their_connection() {
    let serving = Serving::with(host().await, |_| {}).await;
    let mut stream = TcpStream::connect(serving.address).await.expect("it listens");
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    // `POST`, `http`, `/plugins/slow` and `localhost`.
    let path = b"/plugins/slow";
    let mut head = vec![0x83, 0x86, 0x04, path.len() as u8];
    head.extend(path);
    head.extend([0x01, 9]);
    head.extend(b"localhost");
    for stream in (1..20_001).step_by(2) {
        bytes.extend(frame(1, 0x04, stream, &head));
        bytes.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    let _ = stream.write_all(&bytes).await;
    let mut rest = Vec::new();
    let _ = ends(stream.read_to_end(&mut rest)).await;
    // GOAWAY with the code ENHANCE_YOUR_CALM.
    let is_calmed = rest.windows(17).any(|frame| frame[3] == 7 && frame[13..] == 11_u32.to_be_bytes());
    assert!(is_calmed, "{} bytes", rest.len());
    let answer = client::request(serving.address, "POST", "/plugins/shop", "1").await;
    assert_eq!(answer.status, 200, "others are served");
    serving.close().await;
}
