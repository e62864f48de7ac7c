//! A reverse proxy in front of a registry or AWS that injects faults.
//!
//! Every connection carries one request. The proxy records it and applies the first matching rule;
//! without one, it forwards request and response unchanged. Holding a response until it is
//! released, rather than delaying it, lets a test act at an exact point of a transfer without
//! waiting.

use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use anyhow::Result;

use super::listener::{IDLE, Listener};
use super::wire::{self, Head};

pub use super::wire::Refusal;

/// A fault to inject.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Responds with this status without forwarding the request.
    Answer(u16),
    /// Responds with this error, in AWS format, without forwarding the request.
    Refuse(Refusal),
    /// Responds with this error, in registry format, without forwarding the request.
    Deny(Refusal),
    /// Responds with this content, with this media type, without forwarding the request.
    Serve(&'static str, &'static str),
    /// Replaces every occurrence of the first text in the response body with the second.
    Replace(&'static str, &'static str),
    /// Forwards the request once the proxy is released.
    HoldRequest,
    /// Forwards the request, and the response once the proxy is released.
    HoldAnswer,
    /// Forwards the request, and closes the connection instead of responding.
    LoseAnswer,
    /// Stops the response after this many bytes of its body until the proxy is released.
    HoldBody(u64),
    /// Closes the connection after this many bytes of the response body.
    CutBody(u64),
}

/// A rate limit.
pub const THROTTLED: Refusal = Refusal {
    status: 429,
    code: "TooManyRequestsException",
    message: "Rate exceeded",
};

/// A missing permission.
pub const DENIED: Refusal = Refusal {
    status: 403,
    code: "AccessDeniedException",
    message: "User is not authorized to perform this action",
};

/// An action that the service does not support.
pub const UNKNOWN_ACTION: Refusal = Refusal {
    status: 400,
    code: "UnknownOperationException",
    message: "The operation is not known",
};

/// Lambda's error for a role that it cannot assume yet.
pub const NOT_ASSUMABLE: Refusal = Refusal {
    status: 400,
    code: "InvalidParameterValueException",
    message: "The role defined for the function cannot be assumed by Lambda.",
};

/// Lambda's error during another update.
pub const IN_PROGRESS: Refusal = Refusal {
    status: 409,
    code: "ResourceConflictException",
    message: "The operation cannot be performed at this time. An update is in progress",
};

/// Lambda's error while EC2 throttles it.
pub const THROTTLED_BY_EC2: Refusal = Refusal {
    status: 400,
    code: "InvalidParameterValueException",
    message: "Your request has been throttled by EC2, please make sure you have enough API rate \
              limit.",
};

/// Lambda's error for a destination that it does not know yet.
pub const UNKNOWN_DESTINATION: Refusal = Refusal {
    status: 400,
    code: "InvalidParameterValueException",
    message: "The destination ARN arn:aws:sqs:eu-west-1:000000000000:failed is invalid.",
};

/// EventBridge's error for a rule whose removed targets it still counts.
pub const HAS_TARGETS: Refusal = Refusal {
    status: 400,
    code: "ValidationException",
    message: "Rule can't be deleted since it has targets.",
};

/// IAM's error for a role whose removed policies it still counts.
pub const DELETE_CONFLICT: Refusal = Refusal {
    status: 409,
    code: "DeleteConflict",
    message: "Cannot delete entity, must detach all policies first.",
};

/// A fault and the requests that it affects.
#[derive(Clone, Debug)]
pub struct Rule {
    method: &'static str,
    path: String,
    action: Option<&'static str>,
    fault: Fault,
    left: Option<u32>,
}

impl Rule {
    /// Affects every `method` request whose path contains `path`.
    pub fn new(method: &'static str, path: &str, fault: Fault) -> Self {
        Self {
            method,
            path: path.to_owned(),
            action: None,
            fault,
            left: None,
        }
    }

    /// Affects every request for this action of an AWS service. Does not work for Lambda, whose
    /// actions are paths.
    pub fn action(action: &'static str, fault: Fault) -> Self {
        Self {
            action: Some(action),
            ..Self::new("POST", "/", fault)
        }
    }

    /// Limits the rule to the first `count` matching requests.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.left = Some(count);
        self
    }
}

/// A request that the proxy received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method, such as `GET`.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The `Range` header.
    pub range: Option<String>,
    /// The action of an AWS service other than Lambda.
    pub action: Option<String>,
}

impl Request {
    /// Returns the number of bytes that the `Range` header requests, if it requests a closed range.
    pub fn range_length(&self) -> Option<u64> {
        let (first, last) = self
            .range
            .as_deref()?
            .strip_prefix("bytes=")?
            .split_once('-')?;
        let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
        Some(last.checked_sub(first)? + 1)
    }
}

/// A running proxy. Dropping it stops it and releases anything it holds.
pub struct Proxy {
    listener: Listener,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    requests: Vec<Request>,
    held: usize,
    releases: u64,
    ended: bool,
}

impl Proxy {
    /// Starts a proxy in front of `upstream`.
    pub fn start(upstream: SocketAddr) -> Result<Self> {
        let shared = Arc::new(Shared {
            upstream,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let serving = Arc::clone(&shared);
        let listener = Listener::start(move |stream| serving.serve(stream))?;
        Ok(Self { listener, shared })
    }

    /// Returns the address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Returns `127.0.0.1:PORT/name`, for a name such as `shop/web:1`.
    pub fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.address())
    }

    /// Adds a rule after the existing ones.
    pub fn add(&self, rule: Rule) {
        self.shared.lock().rules.push(rule);
    }

    /// Removes every rule and releases anything that is held.
    pub fn heal(&self) {
        let mut state = self.shared.lock();
        state.rules.clear();
        state.releases += 1;
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Returns every request so far, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// Returns the number of requests so far.
    pub fn count(&self) -> usize {
        self.shared.lock().requests.len()
    }

    /// Returns whether a request or a response is being held.
    pub fn is_holding(&self) -> bool {
        self.shared.lock().held > 0
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: TcpStream) -> Result<()> {
        let mut client = BufReader::new(stream.try_clone()?);
        let request = Head::read(&mut client)?;
        let form = wire::form(&request, &mut client)?;
        let action = wire::action(&request, &form);
        let mut client = form.as_slice().chain(client);
        let result = match self.record(&request, action)? {
            Some(Fault::Answer(status)) => {
                wire::copy_request_body(&request, &mut client, &mut std::io::sink())?;
                wire::answer(&stream, status)
            }
            Some(Fault::Refuse(refusal)) => {
                wire::copy_request_body(&request, &mut client, &mut std::io::sink())?;
                wire::refuse(&stream, refusal, !form.is_empty())
            }
            Some(Fault::Serve(media_type, body)) => {
                wire::copy_request_body(&request, &mut client, &mut std::io::sink())?;
                wire::serve(&stream, media_type, body)
            }
            Some(Fault::Deny(refusal)) => {
                wire::copy_request_body(&request, &mut client, &mut std::io::sink())?;
                wire::deny(&stream, refusal)
            }
            fault => self.forward(&request, &mut client, &stream, fault),
        };
        stream.shutdown(Shutdown::Both)?;
        result
    }

    fn forward(
        &self,
        request: &Head,
        client: &mut impl Read,
        mut to_client: &TcpStream,
        fault: Option<Fault>,
    ) -> Result<()> {
        if matches!(fault, Some(Fault::HoldRequest)) {
            self.hold();
        }
        let upstream = TcpStream::connect(self.upstream)?;
        upstream.set_read_timeout(Some(IDLE))?;
        upstream.set_write_timeout(Some(IDLE))?;
        let mut to_upstream = &upstream;
        to_upstream.write_all(&request.for_one_request())?;
        wire::copy_request_body(request, client, &mut to_upstream)?;

        let mut from_upstream = BufReader::new(&upstream);
        let answer = Head::read_final(&mut from_upstream)?;
        match fault {
            Some(Fault::HoldAnswer) => self.hold(),
            Some(Fault::LoseAnswer) => return Ok(()),
            _ => {}
        }
        if let Some(Fault::Replace(from, to)) = fault {
            let body = std::io::read_to_string(from_upstream)?.replace(from, to);
            let media_type = answer.header("content-type").unwrap_or_default();
            return wire::serve(to_client, media_type, &body);
        }
        to_client.write_all(&answer.for_one_request())?;
        match fault {
            Some(Fault::CutBody(after)) => {
                std::io::copy(&mut from_upstream.take(after), &mut to_client)?;
                return Ok(());
            }
            Some(Fault::HoldBody(after)) => {
                std::io::copy(&mut (&mut from_upstream).take(after), &mut to_client)?;
                self.hold();
            }
            _ => {}
        }
        std::io::copy(&mut from_upstream, &mut to_client)?;
        Ok(())
    }

    /// Records a request and returns the fault to inject.
    fn record(&self, request: &Head, action: Option<String>) -> Result<Option<Fault>> {
        let (method, path) = request.method_and_path()?;
        let mut state = self.lock();
        let rule = state.rules.iter_mut().find(|rule| {
            rule.left != Some(0)
                && rule.method == method
                && path.contains(&rule.path)
                && rule.action.is_none_or(|its| action.as_deref() == Some(its))
        });
        let fault = rule.map(|rule| {
            rule.left = rule.left.map(|left| left - 1);
            rule.fault.clone()
        });
        state.requests.push(Request {
            method: method.to_owned(),
            path: path.to_owned(),
            range: request.header("range").map(str::to_owned),
            action,
        });
        Ok(fault)
    }

    fn hold(&self) {
        let mut state = self.lock();
        let releases = state.releases;
        state.held += 1;
        while state.releases == releases && !state.ended {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.held -= 1;
    }
}

#[cfg(test)]
mod tests;
