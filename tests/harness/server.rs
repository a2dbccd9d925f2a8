//! A web server on loopback whose responses a test defines byte by byte and which counts open connections, and a
//! resolver whose answers a test defines.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::harness::patience::until;
use plugbay::network::HttpResolver;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// A response of the server.
pub(crate) enum Answer {
    /// These bytes, and then the connection is closed.
    Bytes(Vec<u8>),
    /// These bytes, and then this piece repeatedly, with a pause between, until the client closes the connection.
    Endless { start: &'static str, piece: Vec<u8>, pause: Duration },
    /// Nothing: the connection stays open until the client closes it.
    Silence,
}

impl Answer {
    /// A response with a body.
    pub(crate) fn text(body: &str) -> Self {
        Answer::status("200 OK", &[], body)
    }

    pub(crate) fn status(status: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        Answer::Bytes(
            format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}").into(),
        )
    }

    pub(crate) fn redirect(status: &str, location: &str) -> Self {
        Answer::status(status, &[("location", location)], "")
    }
}

/// A received request: its header with the request line, and its body.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) header: String,
    pub(crate) body_bytes: usize,
}

impl Received {
    /// `GET /path`.
    pub(crate) fn line(&self) -> &str {
        self.header.lines().next().and_then(|line| line.strip_suffix(" HTTP/1.1")).unwrap_or_default()
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let mut headers = self.header.lines().skip(1).filter_map(|line| line.split_once(": "));
        headers.find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// A listening server, which runs until the test's process ends. Its connections end with their clients.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    open: Arc<AtomicUsize>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    /// Starts a server that answers each request with this function's result.
    pub(crate) fn start(answer: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Self {
        Server::start_over(answer, Ok)
    }

    /// Starts the same server over TLS, with this identity's certificate.
    pub(crate) fn start_tls(identity: &Identity, answer: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Self {
        let config = identity.config.clone();
        Server::start_over(answer, move |stream| {
            let connection = rustls::ServerConnection::new(config.clone()).map_err(std::io::Error::other)?;
            Ok(rustls::StreamOwned::new(connection, stream))
        })
    }

    fn start_over<S: Read + Write>(
        answer: impl Fn(&Received) -> Answer + Send + Sync + 'static,
        transport: impl Fn(TcpStream) -> std::io::Result<S> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (open, received) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<Received>>>::default());
        let server = Server { address, open: open.clone(), received: received.clone() };
        let (answer, transport) = (Arc::new(answer), Arc::new(transport));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (open, received) = (open.clone(), received.clone());
                let (answer, transport) = (answer.clone(), transport.clone());
                open.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    // Many tests close the connection midway: that is not an error.
                    let served = stream.try_clone().and_then(|plain| {
                        let close = || plain.shutdown(std::net::Shutdown::Write);
                        serve(transport(stream)?, &received, &*answer, close)
                    });
                    drop(served);
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        server
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    /// The requests received so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no test panics here").clone()
    }

    /// Waits until this many clients are connected.
    pub(crate) async fn wait_for_open(&self, expected: usize) {
        until(format!("{expected} open connections"), async || {
            (self.open.load(Ordering::SeqCst) == expected).then_some(())
        })
        .await;
    }
}

fn serve(
    mut stream: impl Read + Write,
    received: &Mutex<Vec<Received>>,
    answer: &impl Fn(&Received) -> Answer,
    close: impl Fn() -> std::io::Result<()>,
) -> std::io::Result<()> {
    let request = read_request(&mut stream)?;
    received.lock().expect("no test panics here").push(request.clone());
    match answer(&request) {
        Answer::Bytes(bytes) => {
            stream.write_all(&bytes)?;
            stream.flush()?;
            close()?;
        }
        Answer::Endless { start, piece, pause } => {
            stream.write_all(start.as_bytes())?;
            loop {
                stream.write_all(&piece)?;
                std::thread::sleep(pause);
            }
        }
        Answer::Silence => {}
    }
    // Until the client closes the connection.
    while stream.read(&mut [0; 1024])? > 0 {}
    Ok(())
}

/// Reads the header and then what `content-length` announces, or chunks up to their end.
fn read_request(stream: &mut impl Read) -> std::io::Result<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        read_more(stream, &mut bytes)?;
    };
    let header = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut request = Received { header, body_bytes: 0 };
    let mut body = bytes.split_off(end);
    if let Some(length) = request.value("content-length").and_then(|length| length.parse::<usize>().ok()) {
        while body.len() < length {
            read_more(stream, &mut body)?;
        }
    } else if request.value("transfer-encoding").is_some() {
        while !body.ends_with(b"0\r\n\r\n") {
            read_more(stream, &mut body)?;
        }
    }
    request.body_bytes = body.len();
    Ok(request)
}

fn read_more(stream: &mut impl Read, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    let mut buffer = [0; 16 << 10];
    match stream.read(&mut buffer)? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        read => {
            bytes.extend_from_slice(&buffer[..read]);
            Ok(())
        }
    }
}

/// A server's name with a certificate, and the authority that issued it.
pub(crate) struct Identity {
    /// The authority's own certificate. A client that trusts it trusts the server.
    pub(crate) root: Vec<u8>,
    config: Arc<rustls::ServerConfig>,
}

impl Identity {
    pub(crate) fn of(name: &str) -> Self {
        let (key, authority_key) = (KeyPair::generate(), KeyPair::generate());
        let (key, authority_key) =
            (key.expect("there is a random source"), authority_key.expect("there is a random source"));
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = authority.self_signed(&authority_key).expect("it signs itself").der().to_vec();
        let issuer = Issuer::new(authority, authority_key);
        let params = CertificateParams::new([name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &issuer).expect("it signs").der().clone();
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring supports these versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("key and certificate are a pair");
        Identity { root, config: Arc::new(config) }
    }
}

/// A resolver that answers its nth lookup, of any name, with the nth of these lists, and repeats the last one.
pub(crate) struct Names(Mutex<Vec<Vec<IpAddr>>>);

impl Names {
    pub(crate) fn new(answers: Vec<Vec<IpAddr>>) -> Self {
        Names(Mutex::new(answers))
    }
}

impl HttpResolver for Names {
    fn resolve(&self, _: &str) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        let mut answers = self.0.lock().expect("no test panics here");
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        Box::pin(std::future::ready(Ok(answer)))
    }
}
