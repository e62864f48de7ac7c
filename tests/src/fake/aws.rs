//! The parts of AWS STS and Amazon ECR that identify the caller. Records every request with the
//! scope of its signature, and can be made to fail.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;

use super::server::{Request, Server};
use crate::http::Response;
use crate::registry::CREDENTIALS;

/// The account of every access key that the fake did not issue.
pub const ACCOUNT: &str = "123456789012";
/// The secret key of every role's session.
pub const SESSION_SECRET: &str = "secret-key-of-a-session-in-the-tests";
/// The session token of every role's session.
pub const SESSION_TOKEN: &str = "session-token-in-the-tests";

/// A request and the scope of its signature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// The action, such as `GetCallerIdentity`.
    pub action: String,
    /// The service in the scope; empty without a signature.
    pub service: String,
    /// The region in the scope.
    pub region: String,
    /// The access key.
    pub access_key: String,
    /// The `X-Amz-Security-Token` header.
    pub session_token: String,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// The body, a form or JSON.
    pub body: String,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    /// The role for each issued access key.
    roles: HashMap<String, String>,
    /// Failures for the next requests: action, status and error code.
    failures: Vec<(String, u16, String)>,
}

/// A running fake. Dropping it stops it.
pub struct FakeAws {
    server: Server,
    state: Arc<Mutex<State>>,
}

impl FakeAws {
    /// Starts the fake.
    pub fn start() -> Result<Self> {
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        let server = Server::start(move |request| {
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            state.answer(Call::of(request)?)
        })?;
        Ok(Self { server, state })
    }

    /// Returns the URL of all services.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Returns all requests so far.
    pub fn calls(&self) -> Vec<Call> {
        self.state(|state| state.calls.clone())
    }

    /// Returns the requests for one action so far.
    pub fn calls_of(&self, action: &str) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.action == action);
        calls
    }

    /// Makes the next `count` requests for an action fail.
    pub fn fail(&self, action: &str, count: usize, status: u16, code: &str) {
        let failure = (action.to_owned(), status, code.to_owned());
        let failures = std::iter::repeat_n(failure, count);
        self.state(|state| state.failures.extend(failures));
    }

    fn state<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Call {
    /// Reads the action, signature and body of a request.
    fn of(request: &Request) -> Result<Self> {
        let header = |name| request.header(name).unwrap_or_default();
        let body = String::from_utf8(request.body.clone())?;
        let scope = header("authorization")
            .split_once("Credential=")
            .and_then(|(_, rest)| rest.split(',').next())
            .unwrap_or_default();
        let scope: Vec<&str> = scope.split('/').collect();
        let part = |index: usize| scope.get(index).copied().unwrap_or_default().to_owned();
        let target = header("x-amz-target").split_once('.');
        let action = target.map(|(_, action)| action.to_owned());
        Ok(Self {
            action: action
                .or_else(|| field(&body, "Action"))
                .unwrap_or_default(),
            service: part(3),
            region: part(2),
            access_key: part(0),
            session_token: header("x-amz-security-token").to_owned(),
            user_agent: header("user-agent").to_owned(),
            body,
        })
    }
}

impl State {
    fn answer(&mut self, call: Call) -> Result<Response> {
        let (status, kind, text) = self.respond(call);
        Ok(Response::new(status, text).with_header("content-type", kind))
    }

    fn respond(&mut self, call: Call) -> (u16, &'static str, String) {
        const XML: &str = "text/xml";
        const JSON: &str = "application/x-amz-json-1.1";
        self.calls.push(call.clone());
        let is_form = call.body.starts_with("Action=");
        let failure = self
            .failures
            .iter()
            .position(|(action, ..)| *action == call.action);
        if let Some(index) = failure {
            let (_, status, code) = self.failures.remove(index);
            return if is_form {
                let text = format!(
                    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>as the \
                     test wants</Message></Error></ErrorResponse>"
                );
                (status, XML, text)
            } else {
                let text = format!(r#"{{"__type":"{code}","message":"as the test wants"}}"#);
                (status, JSON, text)
            };
        }
        match call.action.as_str() {
            "GetCallerIdentity" => {
                let role = self.roles.get(&call.access_key);
                let account = role
                    .and_then(|role| role.split(':').nth(4))
                    .unwrap_or(ACCOUNT);
                let text = format!(
                    "<GetCallerIdentityResponse><GetCallerIdentityResult>\
                     <Arn>arn:aws:iam::{account}:user/tester</Arn><UserId>AIDA</UserId>\
                     <Account>{account}</Account>\
                     </GetCallerIdentityResult></GetCallerIdentityResponse>"
                );
                (200, XML, text)
            }
            action @ ("AssumeRole" | "AssumeRoleWithWebIdentity") => {
                let role = field(&call.body, "RoleArn").unwrap_or_default();
                let key = format!("ASIATESTS{}", self.roles.len());
                self.roles.insert(key.clone(), role.clone());
                let text = format!(
                    "<{action}Response><{action}Result><Credentials>\
                     <AccessKeyId>{key}</AccessKeyId>\
                     <SecretAccessKey>{SESSION_SECRET}</SecretAccessKey>\
                     <SessionToken>{SESSION_TOKEN}</SessionToken>\
                     <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
                     <AssumedRoleUser><Arn>{role}/s</Arn><AssumedRoleId>A:s</AssumedRoleId>\
                     </AssumedRoleUser></{action}Result></{action}Response>"
                );
                (200, XML, text)
            }
            "GetAuthorizationToken" => {
                let data =
                    format!(r#"{{"authorizationToken":"{CREDENTIALS}","expiresAt":4070908800.0}}"#);
                let data = match call.service.as_str() {
                    "ecr-public" => data,
                    _ => format!("[{data}]"),
                };
                (200, JSON, format!(r#"{{"authorizationData":{data}}}"#))
            }
            action => {
                let text =
                    format!(r#"{{"__type":"UnknownOperationException","message":"{action}"}}"#);
                (400, JSON, text)
            }
        }
    }
}

/// Returns a field of a form. Decodes only the escapes that occur in ARNs and names.
pub fn field(form: &str, name: &str) -> Option<String> {
    let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(key, _)| *key == name)?;
    let value = value.replace("%3A", ":").replace("%2F", "/");
    Some(value.replace("%40", "@").replace("%2B", "+"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;

    #[test]
    fn fields_of_a_form() {
        let form = "Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa";
        assert_eq!(
            field(form, "RoleArn").as_deref(),
            Some("arn:aws:iam::1:role/a")
        );
        assert_eq!(field(form, "Role"), None);
    }

    #[test]
    fn failures_affect_one_action_and_end() -> Result<()> {
        let fake = FakeAws::start()?;
        fake.fail("GetCallerIdentity", 1, 503, "ServiceUnavailable");
        let ask = |body: &[u8]| http::request(fake.server.address(), "POST", "/", &[], body);
        assert_eq!(ask(b"Action=AssumeRole&RoleArn=r")?.status, 200);
        assert_eq!(ask(b"Action=GetCallerIdentity")?.status, 503);
        assert_eq!(ask(b"Action=GetCallerIdentity")?.status, 200);
        assert_eq!(fake.calls_of("GetCallerIdentity").len(), 2);
        Ok(())
    }
}
