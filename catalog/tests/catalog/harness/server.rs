//! An HTTPS server on this machine whose replies a test decides, the wrong ones too.

use std::sync::{Arc, LazyLock, Mutex};

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub authorization: Option<String>,
}

/// A reply.
#[derive(Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Body,
}

/// The body of a reply.
#[derive(Clone)]
pub enum Body {
    /// The bytes, with their length.
    Whole(Vec<u8>),
    /// The bytes, with another announced length; then the connection is closed.
    Announced(Vec<u8>, u64),
    /// Bytes without an end and without a length.
    Endless,
    /// The bytes, and then nothing more, although more is announced.
    Stalled(Vec<u8>),
}

impl Reply {
    pub fn ok(body: impl Into<Vec<u8>>) -> Reply {
        Reply { status: 200, headers: Vec::new(), body: Body::Whole(body.into()) }
    }

    pub fn status(status: u16) -> Reply {
        Reply { status, ..Reply::ok("") }
    }

    pub fn redirect(location: impl Into<String>) -> Reply {
        Reply::status(302).header("Location", location)
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Reply {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn body(self, body: Body) -> Reply {
        Reply { body, ..self }
    }
}

/// A running server. It ends with the test.
pub struct Server {
    pub address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

static CERTIFIED: LazyLock<CertifiedKey<KeyPair>> = LazyLock::new(|| {
    generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("a certificate")
});

impl Server {
    /// The certificate of all of the tests' servers, for clients to trust.
    pub fn certificate() -> Vec<u8> {
        CERTIFIED.cert.der().to_vec()
    }

    /// Starts a server on a free port.
    pub async fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Server {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::Pkcs8(CERTIFIED.signing_key.serialize_der().into());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![CERTIFIED.cert.der().clone()], key)
            .expect("a certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(serve(listener, acceptor, Arc::new(answer), seen.clone()));
        Server { address, seen, task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("not poisoned").clone()
    }
}

type Answer = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, answer: Answer, seen: Arc<Mutex<Vec<Seen>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, answer, seen) = (acceptor.clone(), answer.clone(), seen.clone());
        tokio::spawn(async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let Some(request) = read_request(&mut stream).await else { return };
            seen.lock().expect("not poisoned").push(request.clone());
            let reply = answer(&request);
            let _ = write_reply(&mut stream, reply, request.method == "HEAD").await;
            let _ = stream.shutdown().await;
        });
    }
}

async fn read_request(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let text = String::from_utf8(head).ok()?;
    let header = |name: &str| {
        let lines = text.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    if let Some(length) = header("content-length").and_then(|length| length.parse().ok()) {
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
    }
    let mut words = text.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    Some(Seen { method, path, authorization: header("authorization") })
}

async fn write_reply(stream: &mut (impl AsyncWriteExt + Unpin), reply: Reply, head: bool) -> std::io::Result<()> {
    let mut text = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let length = match &reply.body {
        Body::Whole(bytes) => Some(bytes.len() as u64),
        Body::Announced(_, length) => Some(*length),
        Body::Stalled(bytes) => Some(bytes.len() as u64 + 1),
        Body::Endless => None,
    };
    if let Some(length) = length {
        text.push_str(&format!("Content-Length: {length}\r\n"));
    }
    stream.write_all(format!("{text}\r\n").as_bytes()).await?;
    match reply.body {
        _ if head => {}
        Body::Whole(bytes) | Body::Announced(bytes, _) => stream.write_all(&bytes).await?,
        Body::Stalled(bytes) => {
            stream.write_all(&bytes).await?;
            stream.flush().await?;
            std::future::pending::<()>().await;
        }
        Body::Endless => loop {
            stream.write_all(&[0; 1 << 16]).await?;
        },
    }
    stream.flush().await
}
