//! A local AWS on the loopback interface: ministack in a Python process, started by
//! `tests/aws/launcher.py`, which documents its additions.
//!
//! Tests call its services over plain HTTP rather than through the SDK that the provider uses,
//! because sharing the SDK would share its mistakes.

mod access;
mod account;
mod whole;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{self, Response};
use crate::process::{self, Process};
use crate::{binaries, wait, workspace};

pub use access::{AccessKey, Decision, percent_encoded};
pub use account::Account;
pub use whole::Whole;

/// Time limit for the start.
const START: Duration = Duration::from_secs(60);

/// The region of every request.
pub const REGION: &str = "eu-west-1";
/// The account, which is also the access key: ministack distinguishes accounts by their keys.
pub const ACCOUNT: &str = "000000000000";
/// User name of the registry.
pub const USER: &str = "AWS";
/// Password in the authorization token; valid only for a registry that exists during one test.
pub const PASSWORD: &str = "token-of-the-local-registry";

/// A running local AWS. Dropping it stops it, along with every function that it runs.
#[derive(Debug)]
pub struct LocalAws {
    address: SocketAddr,
    // Dropped before the directory, so that nothing writes to it while it is removed.
    process: Process,
    _directory: TempDir,
}

impl LocalAws {
    /// Starts a local AWS with an empty account.
    pub fn start() -> Result<Self> {
        Self::launch("tests/aws/launcher.py")
    }

    /// Starts a local AWS that shares nothing with the first: moto, without a registry or
    /// functions.
    pub fn start_second() -> Result<Self> {
        Self::launch("tests/aws/second.py")
    }

    fn launch(script: &str) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("soci-aws-").tempdir()?;
        let mut command = Command::new(binaries::python()?);
        command.arg(workspace::root().join(script));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if ["AWS_", "MINISTACK_", "LAMBDA_", "LOCALSTACK_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
            {
                command.env_remove(name);
            }
        }
        command
            .env("MINISTACK_REGION", REGION)
            .env("TMPDIR", directory.path())
            .current_dir(directory.path());
        let mut process = Process::start_tied(&mut command)?;
        let address = wait::until("the local AWS to listen", START, || {
            let output = process.output_so_far();
            if let Some(status) = process.try_status()? {
                bail!("{script}: {status}\n{output}");
            }
            let line = output
                .lines()
                .find_map(|line| line.strip_prefix("ready http://"));
            line.map(|address| Ok(address.parse()?)).transpose()
        })?;
        Ok(Self {
            address,
            process,
            _directory: directory,
        })
    }

    /// Returns the address that every service listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the value of `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns `127.0.0.1:PORT/name`, for a name such as `shop/web:1`.
    pub fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// Returns the output so far: warnings and errors, including those of the launcher.
    pub fn log(&self) -> String {
        self.process.output_so_far()
    }

    /// Returns every push so far, oldest first, with the functions that its event reached.
    pub fn pushes(&self) -> Result<Vec<Push>> {
        let output = self.log();
        let lines = output.lines().filter(|line| line.starts_with('{'));
        lines.map(Push::read).collect()
    }

    /// Returns the peak memory in bytes of each process of a function, by process.
    pub fn peak_memory(&self, function: &str) -> Result<BTreeMap<i32, u64>> {
        let name = format!("AWS_LAMBDA_FUNCTION_NAME={function}");
        let mut peaks = BTreeMap::new();
        for pid in self.process.members("bootstrap")? {
            let id = pid.as_raw_nonzero().get();
            let environment = std::fs::read(format!("/proc/{id}/environ"))?;
            let mut variables = environment.split(|byte| *byte == 0);
            if variables.any(|variable| variable == name.as_bytes()) {
                peaks.insert(id, process::peak_memory(pid)?);
            }
        }
        Ok(peaks)
    }

    /// Calls an action of a service with a JSON protocol.
    pub fn call(&self, service: Service, action: &str, body: &Value) -> Result<Value> {
        let (target, version) = match service {
            Service::Ecr => ("AmazonEC2ContainerRegistry_V20150921", "1.1"),
            Service::Events => ("AWSEvents", "1.1"),
            Service::Logs => ("Logs_20140328", "1.1"),
            Service::Queues => ("AmazonSQS", "1.0"),
            Service::Tables => ("DynamoDB_20120810", "1.0"),
        };
        let headers = [
            ("X-Amz-Target", format!("{target}.{action}")),
            ("Content-Type", format!("application/x-amz-json-{version}")),
        ];
        let response = self.request("POST", "/", service.name(), &headers, body)?;
        answer(action, &response)
    }

    /// Sends a request to Lambda's REST API. Returns `None` for status 404.
    pub fn lambda(&self, method: &str, path: &str, body: &Value) -> Result<Option<Value>> {
        let headers = [("Content-Type", "application/json".to_owned())];
        let response = self.request(method, path, "lambda", &headers, body)?;
        if response.status == 404 {
            return Ok(None);
        }
        answer(&format!("{method} {path}"), &response).map(Some)
    }

    /// Calls an action of IAM with the arguments `&Name=value…`. Returns the XML of the response.
    pub fn iam(&self, action: &str, arguments: &str) -> Result<String> {
        let body = format!("Action={action}&Version=2010-05-08{arguments}");
        let response = http::request(
            self.address,
            "POST",
            "/",
            &[
                ("Authorization", &authorization("iam")),
                ("Content-Type", "application/x-www-form-urlencoded"),
            ],
            body.as_bytes(),
        )?;
        let text = String::from_utf8_lossy(&response.body).into_owned();
        ensure!(
            response.status < 300,
            "{action}: status {}: {text}",
            response.status
        );
        Ok(text)
    }

    /// Creates an ECR repository.
    pub fn create_repository(&self, name: &str) -> Result<()> {
        self.call(
            Service::Ecr,
            "CreateRepository",
            &json!({"repositoryName": name}),
        )?;
        Ok(())
    }

    /// Deletes an ECR repository with every image in it.
    pub fn delete_repository(&self, name: &str) -> Result<()> {
        let body = json!({"repositoryName": name, "force": true});
        self.call(Service::Ecr, "DeleteRepository", &body)?;
        Ok(())
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        service: &str,
        headers: &[(&str, String)],
        body: &Value,
    ) -> Result<Response> {
        let authorization = authorization(service);
        let mut all = vec![("Authorization", authorization.as_str())];
        all.extend(headers.iter().map(|(name, value)| (*name, value.as_str())));
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        http::request(self.address, method, path, &all, body.as_bytes())
    }
}

/// The push of one manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The repository.
    pub repository: String,
    /// The tag; empty for a push by digest.
    pub tag: String,
    /// The digest of the manifest.
    pub digest: String,
    /// The functions that received the event. Every rule has been evaluated.
    pub reached: Vec<String>,
}

impl Push {
    fn read(line: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            repository: text("repository"),
            tag: text("tag"),
            digest: text("digest"),
            reached: serde_json::from_value(json["reached"].clone())?,
        })
    }
}

/// A service with a JSON protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Amazon ECR.
    Ecr,
    /// EventBridge.
    Events,
    /// CloudWatch Logs.
    Logs,
    /// SQS, a destination for events and failed invocations.
    Queues,
    /// DynamoDB.
    Tables,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::Ecr => "ecr",
            Self::Events => "events",
            Self::Logs => "logs",
            Self::Queues => "sqs",
            Self::Tables => "dynamodb",
        }
    }
}

/// Returns an `Authorization` header. The signature is not checked; account, region and service are
/// read from the scope.
fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/{REGION}/{service}/aws4_request, \
         SignedHeaders=host, Signature=0"
    )
}

fn answer(what: &str, response: &Response) -> Result<Value> {
    let text = String::from_utf8_lossy(&response.body);
    ensure!(
        response.status < 300,
        "{what}: status {}: {text}",
        response.status
    );
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text).with_context(|| format!("{what}: no JSON: {text}"))
}

/// Returns the environment that points terraform, the provider and the AWS CLI to `address`.
pub fn environment(address: SocketAddr) -> Vec<(&'static str, String)> {
    let nothing = "/dev/null".to_owned();
    vec![
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("AWS_ACCESS_KEY_ID", ACCOUNT.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "of-the-local-aws".to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_CONFIG_FILE", nothing.clone()),
        ("AWS_SHARED_CREDENTIALS_FILE", nothing),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ]
}
