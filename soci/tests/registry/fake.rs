//! A registry to order: HTTP/1.1 on a loopback port, whose answers are a test's own function.
//!
//! It keeps what it was asked, and can break off in all the ways a network does: in the middle
//! of an answer, in the middle of a request, or before any answer.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::{Value, json};
use soci::{Client, CredentialChain, Credentials, ImageReference, RegistryImage};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Maximum bytes of an endless answer: a client that reads them all has failed.
pub(crate) const ENDLESS: u64 = 256 << 20;
const REPOSITORY: &str = "shop/web";

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// How often the same was asked before, whatever the query.
    pub(crate) before: usize,
}

impl Asked {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(key, _)| key == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// Part of the protocol: `blobs`, `uploads`, `manifests`, `tags`, `referrers`;
    /// the path itself if that is not the repository's.
    pub(crate) fn kind(&self) -> &str {
        let Some(rest) = self.path.strip_prefix(&format!("/v2/{REPOSITORY}/")) else {
            return &self.path;
        };
        match rest.strip_prefix("blobs/uploads/") {
            Some(_) => "uploads",
            None => rest.split('/').next().unwrap_or(rest),
        }
    }

    /// The last part of the path: a digest or a tag.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or("")
    }

    /// Rule of a test that decides answers.
    pub(crate) fn key(&self) -> (&str, &str, usize) {
        (&self.method, self.kind(), self.before)
    }

    /// Where the one who asks found this registry.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.header("host").expect("a host"))
    }
}

/// The answer to send.
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    end: End,
}

enum End {
    Whole,
    /// The connection ends after so many bytes of the body.
    Cut(usize),
    /// The body is repeated without end.
    Endless,
    /// The connection ends without an answer.
    Lost,
}

impl Answer {
    pub(crate) fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            end: End::Whole,
        }
    }

    pub(crate) fn ok(body: impl Into<Bytes>) -> Self {
        Self::new(200).body(body)
    }

    pub(crate) fn json(value: &Value) -> Self {
        Self::ok(value.to_string())
    }

    /// An error in the protocol's own words.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        let envelope = json!({"errors": [{"code": code, "message": message}]});
        Self::new(status).body(envelope.to_string())
    }

    /// The part of a blob that was asked for.
    pub(crate) fn range(asked: &Asked, content: &[u8]) -> Self {
        let Some(range) = asked.header("range") else {
            return Self::ok(content.to_vec());
        };
        let (start, end) = range["bytes=".len()..].split_once('-').expect("a range");
        let (start, end): (usize, usize) = (start.parse().expect("n"), end.parse().expect("m"));
        Self::new(206)
            .header(
                "Content-Range",
                format!("bytes {start}-{end}/{}", content.len()),
            )
            .body(content[start..=end].to_vec())
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn cut(mut self, after: usize) -> Self {
        self.end = End::Cut(after);
        self
    }

    pub(crate) fn endless(mut self) -> Self {
        self.body = vec![b'x'; 64 << 10].into();
        self.end = End::Endless;
        self
    }

    pub(crate) fn lost() -> Self {
        let mut answer = Self::new(500);
        answer.end = End::Lost;
        answer
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// Sends the answer. Returns whether the connection goes on.
    async fn send(
        self,
        to: &mut TcpStream,
        method: &str,
        sent: &AtomicU64,
    ) -> std::io::Result<bool> {
        if matches!(self.end, End::Lost) {
            return Ok(false);
        }
        let mut head = format!("HTTP/1.1 {} Scripted\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        match self.end {
            End::Endless => head += "Connection: close\r\n",
            _ if self
                .headers
                .iter()
                .any(|(name, _)| *name == "Content-Length") => {}
            _ => head += &format!("Content-Length: {}\r\n", self.body.len()),
        }
        to.write_all(format!("{head}\r\n").as_bytes()).await?;
        if method == "HEAD" {
            return Ok(true);
        }
        match self.end {
            End::Whole | End::Lost => to.write_all(&self.body).await?,
            End::Cut(after) => {
                to.write_all(&self.body[..after]).await?;
                to.shutdown().await?;
                return Ok(false);
            }
            End::Endless => {
                while sent.load(Ordering::Relaxed) < ENDLESS {
                    to.write_all(&self.body).await?;
                    sent.fetch_add(self.body.len() as u64, Ordering::Relaxed);
                }
                return Ok(false);
            }
        }
        Ok(true)
    }
}

type Script = dyn Fn(&Asked) -> Answer + Send + Sync;

/// The registry.
#[derive(Clone)]
pub(crate) struct FakeRegistry {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// Bytes of endless answers that the other side has taken.
    sent: Arc<AtomicU64>,
    /// Uploads still to be broken off.
    breaking: Arc<AtomicUsize>,
    script: Arc<Script>,
}

impl FakeRegistry {
    /// A registry that answers by a script.
    pub(crate) async fn new(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::breaking(0, script).await
    }

    /// The same, but of the first uploads it takes no more than half.
    pub(crate) async fn breaking(
        uploads: usize,
        script: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::start(uploads, Arc::new(script)).await
    }

    async fn start(uploads: usize, script: Arc<Script>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let fake = Self {
            address: listener.local_addr().expect("an address"),
            asked: Arc::default(),
            sent: Arc::default(),
            breaking: Arc::new(uploads.into()),
            script,
        };
        let serving = fake.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let serving = serving.clone();
                // A client may hang up at any time.
                tokio::spawn(async move { drop(serving.serve(connection).await) });
            }
        });
        fake
    }

    async fn serve(&self, connection: TcpStream) -> std::io::Result<()> {
        let mut connection = BufReader::new(connection);
        while let Some(asked) = self.take(&mut connection).await? {
            let answer = (self.script)(&asked);
            if !answer
                .send(connection.get_mut(), &asked.method, &self.sent)
                .await?
            {
                break;
            }
        }
        Ok(())
    }

    /// Reads one request; nothing if the connection is at its end.
    async fn take(&self, from: &mut BufReader<TcpStream>) -> std::io::Result<Option<Asked>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if from.read_line(&mut line).await? == 0 {
                return Ok(None);
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let mut words = lines[0].split(' ');
        let method = words.next().expect("a method").to_owned();
        let target = words.next().expect("a target");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(key, value)| (key.to_ascii_lowercase(), value.to_owned()));
        let mut asked = Asked {
            before: self.count(&method, path),
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.collect(),
            body: Bytes::new(),
        };
        let size = asked.header("content-length").unwrap_or("0");
        let mut body = vec![0; size.parse().expect("a length")];
        let broken = asked.method == "PUT" && {
            let less = |left: usize| left.checked_sub(1);
            let order = Ordering::Relaxed;
            self.breaking.fetch_update(order, order, less).is_ok()
        };
        if broken {
            body.truncate(body.len() / 2);
        }
        from.read_exact(&mut body).await?;
        asked.body = body.into();
        self.asked.lock().expect("no panic").push(asked.clone());
        Ok((!broken).then_some(asked))
    }

    fn count(&self, method: &str, path: &str) -> usize {
        let asked = self.asked.lock().expect("no panic");
        let same = |asked: &&Asked| asked.method == method && asked.path == path;
        asked.iter().filter(same).count()
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }

    /// All requests so far, as `METHOD kind`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let asked = self.asked();
        let line = |asked: &Asked| format!("{} {}", asked.method, asked.kind());
        asked.iter().map(line).collect()
    }

    /// Credentials of each request, or `-`.
    pub(crate) fn shown(&self) -> Vec<String> {
        let asked = self.asked();
        let shown = asked
            .iter()
            .map(|asked| asked.header("authorization").unwrap_or("-"));
        shown.map(str::to_owned).collect()
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its only image, as nobody in particular.
    pub(crate) fn image(&self) -> RegistryImage {
        self.image_as(Credentials::Anonymous)
    }

    /// Its only image, as someone: `user`, whose password is `secret`.
    pub(crate) fn image_as_user(&self) -> RegistryImage {
        self.image_as(Credentials::Basic {
            username: "user".to_owned(),
            password: "secret".to_owned(),
        })
    }

    /// Its only image, by name.
    pub(crate) fn reference(&self) -> ImageReference {
        let reference = format!("{}/{REPOSITORY}:1.4", self.address);
        reference.parse().expect("a reference")
    }

    /// Its only image, as whoever a source knows.
    pub(crate) fn image_as(&self, credentials: impl Into<CredentialChain>) -> RegistryImage {
        let client = Client::new().expect("a client");
        client.image(self.reference(), credentials)
    }
}
