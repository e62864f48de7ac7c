//! A double of what AWS is to a function: the Lambda runtime API that hands out its events, and
//! the two requests of other services that the functions make.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tests::registry::CREDENTIALS;

/// The account of the functions.
pub(crate) const ACCOUNT: &str = "123456789012";
/// Their region.
pub(crate) const REGION: &str = "eu-west-1";

const RUNTIME: &str = "/2018-06-01/runtime/";
/// A function that takes longer than this has hung.
const LIMIT: Duration = Duration::from_secs(60);

/// How an invocation ended: with an answer, or with an error.
pub(crate) type Answer = Result<Value, Value>;

/// An invocation that a function asked for.
#[derive(Clone, Debug)]
pub(crate) struct Invoked {
    pub(crate) path: String,
    pub(crate) kind: String,
    pub(crate) payload: Vec<u8>,
}

/// A running double; dropping it ends it.
pub(crate) struct Cloud {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    events: VecDeque<(u64, String, SystemTime)>,
    answers: BTreeMap<u64, Answer>,
    next: u64,
    first_next: Option<Instant>,
    registry: String,
    tokens: usize,
    refusing: bool,
    invoked: Vec<Invoked>,
    ended: bool,
}

impl Cloud {
    /// Its tokens are for the registry at `registry`, a URL.
    pub(crate) fn start(registry: &str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        registry.clone_into(&mut shared.lock().registry);
        let accepting = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if accepting.lock().ended {
                    break;
                }
                let shared = Arc::clone(&accepting);
                // A function that is stopped hangs up.
                std::thread::spawn(move || drop(shared.serve(&stream)));
            }
        });
        Ok(Self {
            address,
            shared,
            acceptor: Some(acceptor),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hands out an event whose invocation may take so long. Returns its number.
    pub(crate) fn send(&self, event: impl ToString, limit: Duration) -> u64 {
        let mut state = self.shared.lock();
        state.next += 1;
        let number = state.next;
        let deadline = SystemTime::now() + limit;
        state
            .events
            .push_back((number, event.to_string(), deadline));
        drop(state);
        self.shared.changed.notify_all();
        number
    }

    /// Waits for the end of an invocation.
    pub(crate) fn answer(&self, number: u64) -> Result<Answer> {
        let found = self.shared.wait(|state| state.answers.remove(&number));
        found.with_context(|| format!("invocation {number} did not end"))
    }

    /// When a function asked for its first event.
    pub(crate) fn first_next(&self) -> Result<Instant> {
        let found = self.shared.wait(|state| state.first_next);
        found.context("no function asked for an event")
    }

    /// From now on no function can be invoked.
    pub(crate) fn refuse(&self) {
        self.shared.lock().refusing = true;
    }

    /// How many tokens were asked for.
    pub(crate) fn tokens(&self) -> usize {
        self.shared.lock().tokens
    }

    /// The invocations that functions asked for.
    pub(crate) fn invoked(&self) -> Vec<Invoked> {
        self.shared.lock().invoked.clone()
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
        // Wakes the acceptor.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// Reads one; nothing if the connection is at its end.
    fn read(from: &mut impl BufRead) -> Result<Option<Self>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if from.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let mut words = lines.first().context("no request line")?.split(' ');
        let (method, path) = (words.next(), words.next());
        let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        let mut request = Self {
            method: method.context("no method")?.to_owned(),
            path: path.context("no path")?.to_owned(),
            headers: headers.collect(),
            body: Vec::new(),
        };
        if request.header("transfer-encoding").is_some() {
            bail!("a chunked body is not expected");
        }
        let length = request.header("content-length").unwrap_or("0").parse()?;
        from.take(length).read_to_end(&mut request.body)?;
        Ok(Some(request))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.as_str())
    }
}

struct Response {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Response {
    fn new(status: u16, body: impl ToString) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.to_string(),
        }
    }

    fn send(&self, mut to: &TcpStream) -> Result<()> {
        let mut text = format!("HTTP/1.1 {} Double\r\n", self.status);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n{}", self.body.len(), self.body);
        Ok(to.write_all(text.as_bytes())?)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is something.
    fn wait<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let start = Instant::now();
        let mut state = self.lock();
        loop {
            if let Some(found) = look(&mut state) {
                return Some(found);
            }
            let left = LIMIT.checked_sub(start.elapsed())?;
            if state.ended {
                return None;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn serve(&self, stream: &TcpStream) -> Result<()> {
        let mut reader = BufReader::new(stream);
        while let Some(request) = Request::read(&mut reader)? {
            self.respond(&request)?.send(stream)?;
        }
        Ok(())
    }

    fn respond(&self, request: &Request) -> Result<Response> {
        if let Some(rest) = request.path.strip_prefix(RUNTIME) {
            return self.runtime(request, rest);
        }
        match request.header("x-amz-target") {
            Some("AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken") => {
                let mut state = self.lock();
                state.tokens += 1;
                let data = json!({
                    "authorizationToken": CREDENTIALS,
                    "proxyEndpoint": state.registry,
                });
                Ok(Response::new(200, json!({"authorizationData": [data]})))
            }
            None if request.path.ends_with("/invocations") => Ok(self.invoke(request)),
            target => bail!("{} {} {target:?}", request.method, request.path),
        }
    }

    fn invoke(&self, request: &Request) -> Response {
        let mut state = self.lock();
        if state.refusing {
            let mut denied = Response::new(403, json!({"Message": "not authorized to invoke"}));
            denied.headers = vec![("x-amzn-ErrorType", "AccessDeniedException".to_owned())];
            return denied;
        }
        let kind = request.header("x-amz-invocation-type");
        state.invoked.push(Invoked {
            path: request.path.clone(),
            kind: kind.unwrap_or("RequestResponse").to_owned(),
            payload: request.body.clone(),
        });
        let mut accepted = Response::new(202, "");
        accepted.headers = vec![("x-amzn-requestid", "of-the-generator".to_owned())];
        accepted
    }

    fn runtime(&self, request: &Request, rest: &str) -> Result<Response> {
        if rest == "invocation/next" {
            self.lock().first_next.get_or_insert_with(Instant::now);
            self.changed.notify_all();
            let next = self.wait(|state| state.events.pop_front());
            let (number, event, deadline) = next.context("no more events")?;
            let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:soci-test");
            let deadline = deadline.duration_since(UNIX_EPOCH)?.as_millis();
            let mut response = Response::new(200, event);
            response.headers = vec![
                ("Content-Type", "application/json".to_owned()),
                ("Lambda-Runtime-Aws-Request-Id", format!("request-{number}")),
                ("Lambda-Runtime-Invoked-Function-Arn", arn),
                ("Lambda-Runtime-Deadline-Ms", deadline.to_string()),
            ];
            return Ok(response);
        }
        let (number, answer) = rest
            .strip_prefix("invocation/request-")
            .and_then(|rest| rest.split_once('/'))
            .with_context(|| format!("unexpected {rest}"))?;
        let body = serde_json::from_slice(&request.body)?;
        let answer = match answer {
            "response" => Ok(body),
            "error" => Err(body),
            _ => bail!("unexpected {rest}"),
        };
        self.lock().answers.insert(number.parse()?, answer);
        self.changed.notify_all();
        Ok(Response::new(202, "{}"))
    }
}

/// The token as the registry will see it never shows up where people read.
pub(crate) fn secrets() -> Result<[String; 2]> {
    let decoded = String::from_utf8(STANDARD.decode(CREDENTIALS)?)?;
    let password = decoded.split(':').next_back().unwrap_or_default();
    Ok([CREDENTIALS.to_owned(), password.to_owned()])
}
