//! AWS from a function's perspective: the Lambda runtime API that delivers its events, and the few
//! requests to other services that the functions make.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::images::Images;
use super::server::{Request, Server};
use crate::http::Response;
use crate::registry::CREDENTIALS;

/// The account of the functions.
pub const ACCOUNT: &str = "123456789012";
/// The region of the functions.
pub const REGION: &str = "eu-west-1";

/// The name of the function.
const FUNCTION: &str = "soci-test";
const RUNTIME: &str = "/2018-06-01/runtime/";
/// Prefix of Amazon ECR's operations.
const ECR: &str = "AmazonEC2ContainerRegistry_V20150921.";
/// Maximum time that a test waits for a function.
const LIMIT: Duration = Duration::from_secs(60);

/// Result of an invocation: the response, or the error that the function reported.
pub type Answer = Result<Value, Value>;

/// An invocation requested by a function.
#[derive(Clone, Debug)]
pub struct Invoked {
    /// The path of the request, which names the function.
    pub path: String,
    /// `Event` for an asynchronous invocation, otherwise `RequestResponse`.
    pub kind: String,
    /// The event.
    pub payload: Vec<u8>,
}

/// A running fake. Dropping it stops it.
pub struct FakeLambda {
    server: Server,
    shared: Arc<Shared>,
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
    token: &'static str,
    tokens: usize,
    refusing: bool,
    table: Table,
    /// Entries for event buses, and the status with which they are refused. With status 200, the
    /// request succeeds but its entries are refused.
    entries: Vec<Value>,
    refusal: Option<u16>,
    images: Images,
    invoked: Vec<Invoked>,
    ended: bool,
}

/// A DynamoDB table.
#[derive(Default)]
struct Table {
    /// Items by the value of the partition key.
    items: BTreeMap<String, Value>,
    gone: bool,
}

impl FakeLambda {
    /// Starts a fake whose tokens are for the registry at the URL `registry`.
    pub fn start(registry: &str) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        registry.clone_into(&mut shared.lock().registry);
        shared.lock().token = CREDENTIALS;
        let serving = Arc::clone(&shared);
        let server = Server::start(move |request| serving.respond(request))?;
        Ok(Self { server, shared })
    }

    /// Returns the address of the runtime API and of every service.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Returns a command for a function's program, in an environment like Lambda's and nothing
    /// else.
    pub fn command(&self, program: impl AsRef<OsStr>, memory: &str) -> Command {
        let address = self.address().to_string();
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", &address)
            .env("AWS_LAMBDA_FUNCTION_NAME", FUNCTION)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_ENDPOINT_URL", format!("http://{address}"))
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret-of-the-tests");
        command
    }

    /// Queues an event whose invocation may take up to `limit`. Returns its number.
    pub fn send(&self, event: impl ToString, limit: Duration) -> u64 {
        let mut state = self.shared.lock();
        state.next += 1;
        let number = state.next;
        drop(state);
        self.retry(number, event, limit);
        number
    }

    /// Queues an event again under the number of an earlier invocation, as Lambda does after an
    /// error.
    pub fn retry(&self, number: u64, event: impl ToString, limit: Duration) {
        let deadline = SystemTime::now() + limit;
        let event = (number, event.to_string(), deadline);
        self.shared.lock().events.push_back(event);
        self.shared.changed.notify_all();
    }

    /// Waits for the end of an invocation.
    pub fn answer(&self, number: u64) -> Result<Answer> {
        let found = self.shared.wait(|state| state.answers.remove(&number));
        found.with_context(|| format!("invocation {number} did not end"))
    }

    /// Waits for a function to request its first event, and returns when it did.
    pub fn first_next(&self) -> Result<Instant> {
        let found = self.shared.wait(|state| state.first_next);
        found.context("no function asked for an event")
    }

    /// Denies all invocations from now on.
    pub fn refuse(&self) {
        self.shared.lock().refusing = true;
    }

    /// Returns the items of the only table, by key.
    pub fn items(&self) -> BTreeMap<String, Value> {
        self.shared.lock().table.items.clone()
    }

    /// Puts items into the only table.
    pub fn put_items(&self, items: BTreeMap<String, Value>) {
        self.shared.lock().table.items.extend(items);
    }

    /// Removes the only table, with everything in it.
    pub fn lose_table(&self) {
        let mut state = self.shared.lock();
        state.table = Table {
            items: BTreeMap::new(),
            gone: true,
        };
    }

    /// Returns the entries sent to event buses so far, oldest first.
    pub fn entries(&self) -> Vec<Value> {
        self.shared.lock().entries.clone()
    }

    /// Refuses entries for event buses from now on: with 200 only the entries, otherwise the
    /// request.
    pub fn refuse_entries(&self, status: u16) {
        self.shared.lock().refusal = Some(status);
    }

    /// Changes the images that Amazon ECR lists.
    pub fn images<T>(&self, change: impl FnOnce(&mut Images) -> T) -> T {
        change(&mut self.shared.lock().images)
    }

    /// Issues a different token from now on.
    pub fn renew(&self, token: &'static str) {
        self.shared.lock().token = token;
    }

    /// Returns the number of tokens issued.
    pub fn tokens(&self) -> usize {
        self.shared.lock().tokens
    }

    /// Returns the requested invocations so far, oldest first.
    pub fn invoked(&self) -> Vec<Invoked> {
        self.shared.lock().invoked.clone()
    }
}

/// Returns the ARN of the function.
pub fn function_arn() -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}")
}

/// Returns the event of a push, as sent by Amazon ECR.
pub fn push_event(repository: &str, digest: &str, tag: Option<&str>) -> Value {
    json!({
        "version": "0",
        "id": "13cde686-328b-6117-af20-0e5566167482",
        "source": "aws.ecr",
        "detail-type": "ECR Image Action",
        "account": ACCOUNT,
        "region": REGION,
        "time": "2026-01-02T03:04:05Z",
        "resources": [],
        "detail": {
            "result": "SUCCESS",
            "action-type": "PUSH",
            "repository-name": repository,
            "image-digest": digest,
            "image-tag": tag.unwrap_or_default(),
        },
    })
}

impl Drop for FakeLambda {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
    }
}

impl Table {
    fn respond(&mut self, operation: &str, body: &[u8]) -> Result<Response> {
        if self.gone {
            let kind = "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException";
            let error = json!({"__type": kind, "message": "Requested resource not found"});
            return Ok(Response::json(400, &error));
        }
        let body: Value = serde_json::from_slice(body)?;
        let key = |attributes: &Value| -> Result<String> {
            let key = attributes["layer"]["S"].as_str();
            Ok(key.context("no key")?.to_owned())
        };
        let answer = match operation {
            "GetItem" => match self.items.get(&key(&body["Key"])?) {
                Some(item) => json!({"Item": item}),
                None => json!({}),
            },
            "PutItem" => {
                let item = body["Item"].clone();
                self.items.insert(key(&item)?, item);
                json!({})
            }
            operation => bail!("unexpected {operation}"),
        };
        Ok(Response::json(200, &answer))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `look` finds something. Returns `None` after [`LIMIT`].
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

    fn respond(&self, request: &Request) -> Result<Response> {
        if let Some(rest) = request.path().strip_prefix(RUNTIME) {
            return self.runtime(request, rest);
        }
        match request.header("x-amz-target") {
            Some(target) if target.strip_prefix(ECR) == Some("GetAuthorizationToken") => {
                let mut state = self.lock();
                state.tokens += 1;
                let data = json!({
                    "authorizationToken": state.token,
                    "proxyEndpoint": state.registry,
                });
                Ok(Response::json(200, &json!({"authorizationData": [data]})))
            }
            Some(target) if let Some(operation) = target.strip_prefix(ECR) => {
                self.lock().images.respond(operation, &request.body)
            }
            Some(target) if let Some(operation) = target.strip_prefix("DynamoDB_20120810.") => {
                self.lock().table.respond(operation, &request.body)
            }
            Some("AWSEvents.PutEvents") => self.put_events(&request.body),
            None if request.path().ends_with("/invocations") => Ok(self.invoke(request)),
            target => bail!("{} {} {target:?}", request.method(), request.path()),
        }
    }

    fn put_events(&self, body: &[u8]) -> Result<Response> {
        let body: Value = serde_json::from_slice(body)?;
        let entries = body["Entries"].as_array().context("no entries")?;
        let mut state = self.lock();
        let answer = match state.refusal {
            None => {
                state.entries.extend(entries.iter().cloned());
                json!({"FailedEntryCount": 0, "Entries": [{"EventId": "of-the-event"}]})
            }
            Some(200) => {
                let failed = json!({"ErrorCode": "InternalFailure", "ErrorMessage": "no room"});
                json!({"FailedEntryCount": 1, "Entries": [failed]})
            }
            Some(status) => {
                let error = json!({"__type": "AccessDeniedException", "message": "not allowed"});
                return Ok(Response::json(status, &error));
            }
        };
        Ok(Response::json(200, &answer))
    }

    fn invoke(&self, request: &Request) -> Response {
        let mut state = self.lock();
        if state.refusing {
            return Response::json(403, &json!({"Message": "not authorized to invoke"}))
                .with_header("x-amzn-errortype", "AccessDeniedException");
        }
        let kind = request.header("x-amz-invocation-type");
        state.invoked.push(Invoked {
            path: request.path().to_owned(),
            kind: kind.unwrap_or("RequestResponse").to_owned(),
            payload: request.body.clone(),
        });
        Response::new(202, "").with_header("x-amzn-requestid", "of-the-generator")
    }

    fn runtime(&self, request: &Request, rest: &str) -> Result<Response> {
        if rest == "invocation/next" {
            self.lock().first_next.get_or_insert_with(Instant::now);
            self.changed.notify_all();
            let next = self.wait(|state| state.events.pop_front());
            let (number, event, deadline) = next.context("no more events")?;
            let arn = function_arn();
            let deadline = deadline.duration_since(UNIX_EPOCH)?.as_millis();
            let id = format!("request-{number}");
            return Ok(Response::new(200, event)
                .with_header("content-type", "application/json")
                .with_header("lambda-runtime-aws-request-id", &id)
                .with_header("lambda-runtime-invoked-function-arn", &arn)
                .with_header("lambda-runtime-deadline-ms", &deadline.to_string()));
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
