//! Tests of a follower with an engine that does what real ones and proxies before them do.

use std::sync::Arc;

use plugbay_manifest::{DockerEntry, DockerUrl};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;

use super::*;
use crate::test_engine::{Followed, TestEngine, next_of, until};

/// A second of the engine's clock.
const SECOND: u64 = 1_000_000_000;

/// A message about a container, at a time of the engine.
fn message(action: &str, id: &str, time_ns: u64) -> String {
    let actor = format!(r#"{{"ID":"{id}","Attributes":{{"name":"web-{id}","image":"alpine","team":"blue"}}}}"#);
    format!(r#"{{"Type":"container","Action":"{action}","Actor":{actor},"timeNano":{time_ns}}}"#)
}

fn listed(id: &str, state: &str) -> String {
    format!(r#"[{{"Id":"{id}","Names":["/web-{id}"],"Image":"alpine","State":"{state}","Labels":{{"team":"blue"}}}}]"#)
}

#[tokio::test]
async fn events_arrive_in_dockstats_shape() {
    let mut followed = TestEngine::new().followed().await;
    followed.send(&message("create", "4f", 1_005 * SECOND)).await;
    followed.send(&message("health_status: healthy", "4f", 1_006 * SECOND)).await;
    let event = next_of(&mut followed.events).await;
    assert_eq!(
        event.payload(),
        serde_json::json!({
            "id": "4f", "hostId": 3, "host": "local", "name": "web-4f", "image": "alpine", "state": "created",
            "status": "created", "created": 1_005, "ports": [], "labels": { "team": "blue" }, "action": "create",
            "attributes": { "name": "web-4f", "image": "alpine", "team": "blue" }, "time": 1_005_000,
            "synthetic": false,
        })
    );
    let event = next_of(&mut followed.events).await;
    assert_eq!((&*event.topic(), event.detail.as_deref()), ("container.health_status", Some("healthy")));
}

#[tokio::test]
async fn stream_cut_within_an_event_loses_and_doubles_none() {
    let mut followed = TestEngine::new().followed().await;
    let (one, two) = (message("create", "4f", 1_010 * SECOND), message("start", "4f", 1_011 * SECOND + 5));
    followed.send(&one).await;
    assert_eq!(followed.next().await, "container.create 4f");
    followed.send(&two[..two.len() / 2]).await;
    let path = followed.cut().await;
    assert_eq!(path, "/v1.41/events?since=1008.000000000", "it overlaps the last event by 2 s");
    followed.send(&format!("{one}\n{two}\n")).await;
    assert_eq!(followed.next().await, "container.start 4f");
    let status = followed.until(|status| status.duplicates == 1).await;
    assert_eq!((status.events, status.malformed, status.connections), (2, 0, 2));
}

#[tokio::test]
async fn events_in_the_wrong_order_of_their_times_all_arrive() {
    let mut followed = TestEngine::new().followed().await;
    followed.send(&message("untag", "a", 1_010 * SECOND + 9)).await;
    followed.send(&message("delete", "a", 1_010 * SECOND + 3)).await;
    assert_eq!(followed.next().await, "container.untag a");
    assert_eq!(followed.next().await, "container.delete a");
}

#[tokio::test]
async fn malformed_and_huge_events_do_not_end_the_stream() {
    let mut followed = TestEngine::new().followed().await;
    followed.send("{\"Type\":\"container\",\n nonsense {\"Type\":7}{\"Type\":\"order\",\"Action\":\"placed\"}").await;
    let huge = format!("{{\"Type\":\"container\",\"Action\":\"{}\"}}", "x".repeat(4 * MESSAGE_BYTES_MAX));
    followed.send(&huge).await;
    followed.send(&message("start", "4f", 1_010 * SECOND)).await;
    assert_eq!(followed.next().await, "container.start 4f");
    assert_eq!(followed.follower.status().malformed, 4);
}

#[tokio::test]
async fn flood_waits_for_the_receiver_and_loses_nothing() {
    let mut followed = TestEngine::new().followed().await;
    let messages: Vec<String> = (0..5_000).map(|number| message("start", "4f", 1_010 * SECOND + number)).collect();
    let (flood, mut events) = (messages.concat(), Vec::new());
    // The queue has space for 8 events.
    let Followed { events: queue, .. } = &mut followed;
    let queue = std::mem::replace(queue, mpsc::channel(1).1);
    let mut queue = queue;
    let receive = async {
        while events.len() < 5_000 {
            events.push(next_of(&mut queue).await.time_ns);
        }
    };
    tokio::join!(followed.send(&flood), receive);
    assert!(events.is_sorted() && events.first() == Some(&(1_010 * SECOND)));
}

#[tokio::test]
async fn slow_engine_is_waited_for() {
    let mut followed = TestEngine::new().followed().await;
    for byte in message("start", "4f", 1_010 * SECOND).chars() {
        followed.send(&byte.to_string()).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(followed.next().await, "container.start 4f");
}

#[tokio::test]
async fn engine_without_events_is_connected_before_it_answers() {
    let mut engine = TestEngine::new();
    engine.listen();
    let (sender, _events) = mpsc::channel(8);
    let follower = DockerFollower::start(engine.endpoint(), sender);
    let stream = engine.stream().await;
    // The head of the answer comes with the first event, as from Podman.
    let status = until(&follower, |status| status.connected).await;
    assert_eq!((status.engine.as_deref(), status.api_version.as_deref()), (Some("Docker Engine 27.1"), Some("1.41")));
    assert_eq!((status.error, stream.path.as_str()), (None, "/v1.41/events?since=1000.000000000"));
}

#[tokio::test]
async fn changes_during_a_gap_become_synthetic_events() {
    let engine = TestEngine::new();
    engine.answer("/containers/json?all=1", 200, &listed("4f", "running"));
    let mut followed = engine.followed().await;
    followed.until(|status| status.containers == 1).await;
    followed.engine.answer("/containers/json?all=1", 200, &listed("4f", "exited"));
    followed.cut().await;
    assert_eq!(followed.next().await, "container.die 4f synthetic");
    // The original arrives too late, and the next run is a new one.
    followed.send(&message("die", "4f", 1_020 * SECOND)).await;
    followed.send(&message("start", "4f", 1_021 * SECOND)).await;
    assert_eq!(followed.next().await, "container.start 4f");
    assert_eq!(followed.follower.status().synthetic, 1);
}

#[tokio::test]
async fn event_of_the_gap_that_is_replayed_is_not_synthetic() {
    let engine = TestEngine::new();
    engine.answer("/containers/json?all=1", 200, &listed("4f", "running"));
    let mut followed = engine.followed().await;
    followed.until(|status| status.containers == 1).await;
    followed.engine.answer("/containers/json?all=1", 200, "[]");
    followed.cut().await;
    followed.send(&message("die", "4f", 1_020 * SECOND)).await;
    followed.send(&message("destroy", "4f", 1_021 * SECOND)).await;
    assert_eq!(followed.next().await, "container.die 4f");
    assert_eq!(followed.next().await, "container.destroy 4f");
    followed.send(&message("create", "5a", 1_022 * SECOND)).await;
    assert_eq!(followed.next().await, "container.create 5a");
}

#[tokio::test]
async fn engine_that_lists_nothing_is_followed_nevertheless() {
    let engine = TestEngine::new();
    engine.answer("/containers/json?all=1", 403, "<h1>Forbidden</h1>");
    let mut followed = engine.followed().await;
    followed.send(&message("start", "4f", 1_010 * SECOND)).await;
    assert_eq!(followed.next().await, "container.start 4f");
}

#[tokio::test]
async fn engine_that_is_not_there_is_tried_again() {
    let mut engine = TestEngine::new();
    let (sender, mut events) = mpsc::channel(8);
    let follower = DockerFollower::start(engine.endpoint(), sender);
    let status = until(&follower, |status| status.error.is_some()).await;
    let error = status.error.expect("an error");
    assert!(error.contains("start the engine, or correct the path of its socket") && !status.connected, "{error}");
    engine.listen();
    let mut stream = engine.stream().await;
    stream.begin().await;
    stream.send(&message("start", "4f", 1_010 * SECOND)).await;
    assert_eq!(next_of(&mut events).await.topic(), "container.start");
    assert_eq!(follower.status().error, None);
}

#[tokio::test]
async fn engine_of_another_time_is_refused_with_both_versions() {
    let engine = TestEngine::new();
    engine.answer("/version", 200, r#"{"ApiVersion":"3.1","MinAPIVersion":"2.0"}"#);
    engine.listen();
    let (sender, _events) = mpsc::channel(8);
    let follower = DockerFollower::start(engine.endpoint(), sender);
    let status = until(&follower, |status| status.error.is_some()).await;
    let expected = "it knows the versions 2.0 to 3.1 of the API, and this host those from 1.24 to 1.54";
    assert_eq!(status.error.as_deref(), Some(expected));
}

#[tokio::test]
async fn running_containers_are_measured() {
    let engine = TestEngine::new();
    engine.answer("/containers/json?all=1", 200, &listed("4f", "running"));
    let stats = |total: u64, system: u64| {
        format!(
            r#"{{"cpu_stats":{{"cpu_usage":{{"total_usage":{total}}},"system_cpu_usage":{system},"online_cpus":2}},"memory_stats":{{"usage":7,"limit":9}}}}"#
        )
    };
    engine.answer("/containers/4f/stats?stream=0&one-shot=1", 200, &stats(100, 1_000));
    let followed = engine.followed().await;
    followed.until(|status| status.containers == 1).await;
    let measured = followed.follower.measure().await;
    let payload = measured.first().expect("a measurement").payload();
    assert_eq!((measured.len(), &*measured[0].topic()), (1, "container.metrics"));
    assert_eq!(
        (&payload["name"], &payload["memoryUsage"], &payload["cpuUsage"]),
        (&"web-4f".into(), &7.into(), &serde_json::Value::Null)
    );
    followed.engine.answer("/containers/4f/stats?stream=0&one-shot=1", 200, &stats(150, 1_500));
    assert_eq!(followed.follower.measure().await[0].payload()["cpuUsage"], 20.0);
    followed.engine.answer("/containers/4f/stats?stream=0&one-shot=1", 404, "{}");
    assert!(followed.follower.measure().await.is_empty(), "it has ended");
}

/// A certificate for `localhost` by an authority, and its key.
struct Issued {
    root: CertificateDer<'static>,
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

fn issued() -> Issued {
    let (key, authority_key) = (KeyPair::generate().expect("random"), KeyPair::generate().expect("random"));
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = authority.self_signed(&authority_key).expect("it signs").der().clone();
    let issuer = Issuer::new(authority, authority_key);
    let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, &issuer).expect("it signs").der().clone();
    Issued { root, certificate, key }
}

fn pem(kind: &str, der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    let mut text = String::new();
    for chunk in der.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let digit = char::from(DIGITS[(bits >> (18 - 6 * index)) as usize & 63]);
            text.push(if index <= chunk.len() { digit } else { '=' });
        }
    }
    format!("-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n")
}

#[tokio::test]
async fn engine_with_tls_asks_for_the_certificate_of_the_client() {
    let (server, client) = (issued(), issued());
    let mut roots = RootCertStore::empty();
    roots.add(client.root.clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().expect("roots");
    let key = PrivateKeyDer::try_from(server.key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let config = config.with_client_cert_verifier(verifier).with_single_cert(vec![server.certificate.clone()], key);
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config.expect("a certificate")));

    let files = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: String| {
        let path = files.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let ca = write("ca.pem", pem("CERTIFICATE", &server.root));
    let cert = write("cert.pem", pem("CERTIFICATE", &client.certificate));
    let key = write("key.pem", pem("PRIVATE KEY", &client.key.serialize_der()));

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let mut engine = TestEngine::new();
    let mut entry = DockerEntry::new("tls", DockerUrl::Tcp { host: "localhost".to_owned(), port });
    let mut tls = plugbay_manifest::DockerTlsEntry::default();
    tls.ca = Some(ca.clone());

    // Without a certificate of the client, the engine ends the connection.
    entry.tls = Some(tls.clone());
    let (sender, _events) = mpsc::channel(8);
    let refused = DockerFollower::start(DockerEndpoint::new(&entry, 1).expect("good files"), sender);
    let (socket, _) = listener.accept().await.expect("it connects");
    assert!(acceptor.accept(socket).await.is_err());
    until(&refused, |status| status.error.is_some()).await;
    drop(refused);

    tls.client = Some((cert.clone(), key));
    entry.tls = Some(tls.clone());
    let (sender, mut events) = mpsc::channel(8);
    let _follower = DockerFollower::start(DockerEndpoint::new(&entry, 1).expect("good files"), sender);
    let mut stream = loop {
        tokio::select! {
            accepted = listener.accept() => {
                // Attempts of the follower before may be among them.
                if let Ok(stream) = acceptor.accept(accepted.expect("it connects").0).await {
                    engine.serve(stream);
                }
            }
            stream = engine.stream() => break stream,
        }
    };
    stream.begin().await;
    stream.send(&message("start", "4f", 1_010 * SECOND)).await;
    assert_eq!(next_of(&mut events).await.topic(), "container.start");

    tls.client = Some((cert, ca));
    entry.tls = Some(tls);
    let error = DockerEndpoint::new(&entry, 1).expect_err("a certificate is no key").to_string();
    assert!(error.contains("Docker engine `tls`: ") && error.contains("has no private key"), "{error}");
}
