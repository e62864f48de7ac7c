//! A registry that differs from `docker-registry` as Amazon ECR does: it keeps referrers itself,
//! refuses to move tags, and leaves out a header that the specification asks for.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::http::{self, Response};
use tests::registry::Registry;
use tests::terraform::{Terraform, configuration};

use crate::scenario::{
    ADDRESS, ENABLED, INDEX_TYPE, MANIFEST_TYPE, REPOSITORY, TAG, image, initialised, list, push,
};

/// It stands in front of a real registry, which keeps everything but the referrers.
struct Ecr {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ended: bool,
    immutable: bool,
    /// Artifacts by their subject.
    referrers: BTreeMap<String, Vec<Value>>,
}

struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Ecr {
    fn start(registry: &Registry) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream: registry.address(),
            state: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if accepting.state(|state| state.ended) {
                    break;
                }
                let shared = Arc::clone(&accepting);
                // A connection that breaks is the client's business.
                std::thread::spawn(move || drop(shared.serve(stream)));
            }
        });
        Ok(Self {
            address,
            shared,
            acceptor: Some(acceptor),
        })
    }

    fn image(&self) -> String {
        format!("{}/{REPOSITORY}:{TAG}", self.address)
    }

    fn make_immutable(&self) {
        self.shared.state(|state| state.immutable = true);
    }
}

impl Drop for Ecr {
    fn drop(&mut self) {
        self.shared.state(|state| state.ended = true);
        // Wakes the acceptor.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn state<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One request for each connection.
    fn serve(&self, mut stream: TcpStream) -> Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let request = Request::read(&mut BufReader::new(stream.try_clone()?))?;
        let answer = self.answer(&request)?;
        let mut head = format!("HTTP/1.1 {} As-Is\r\nConnection: close\r\n", answer.status);
        for (name, value) in &answer.headers {
            let kept = request.method == "HEAD" || name != "content-length";
            if kept && !["connection", "transfer-encoding"].contains(&name.as_str()) {
                head += &format!("{name}: {value}\r\n");
            }
        }
        if request.method != "HEAD" {
            head += &format!("Content-Length: {}\r\n", answer.body.len());
        }
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        stream.write_all(&answer.body)?;
        stream.shutdown(Shutdown::Both)?;
        Ok(())
    }

    fn answer(&self, request: &Request) -> Result<Response> {
        let (_, kind) = request.path.split_once(REPOSITORY).unwrap_or_default();
        let path = kind.split('?').next().unwrap_or_default();
        if let Some(subject) = path.strip_prefix("/referrers/") {
            return self.referrers(subject);
        }
        let Some(name) = path.strip_prefix("/manifests/") else {
            return self.pass(request);
        };
        let puts = request.method == "PUT";
        let tags = puts && !name.starts_with("sha256:");
        if tags && self.state(|state| state.immutable) && self.exists(name)? {
            let message = format!(
                "The image tag '{name}' already exists in the '{REPOSITORY}' repository and \
                 cannot be overwritten because the tag is immutable."
            );
            return Ok(json_answer(
                400,
                &json!({"errors": [{"code": "TAG_INVALID", "message": message}]}),
            ));
        }
        let mut answer = self.pass(request)?;
        if puts && answer.status == 201 {
            answer.headers.retain(|(name, _)| name != "location");
            let manifest: Value = serde_json::from_slice(&request.body)?;
            if let Some(subject) = manifest["subject"]["digest"].as_str() {
                let digest = answer
                    .header("docker-content-digest")
                    .context("no digest")?;
                let descriptor = json!({
                    "mediaType": manifest["mediaType"],
                    "digest": digest,
                    "size": request.body.len(),
                    "artifactType": manifest["config"]["mediaType"],
                    "annotations": manifest["annotations"],
                });
                self.state(|state| {
                    let referrers = state.referrers.entry(subject.to_owned()).or_default();
                    referrers.retain(|known| known["digest"] != descriptor["digest"]);
                    referrers.push(descriptor);
                });
            }
        }
        Ok(answer)
    }

    fn referrers(&self, subject: &str) -> Result<Response> {
        let known = self.state(|state| state.referrers.get(subject).cloned());
        let mut standing = Vec::new();
        for referrer in known.unwrap_or_default() {
            if self.exists(referrer["digest"].as_str().unwrap_or_default())? {
                standing.push(referrer);
            }
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": standing});
        Ok(json_answer(200, &index))
    }

    fn exists(&self, name: &str) -> Result<bool> {
        let path = format!("/v2/{REPOSITORY}/manifests/{name}");
        let accept = [("Accept", MANIFEST_TYPE), ("Accept", INDEX_TYPE)];
        let answer = http::request(self.upstream, "GET", &path, &accept, b"")?;
        Ok(answer.status == 200)
    }

    fn pass(&self, request: &Request) -> Result<Response> {
        let headers: Vec<(&str, &str)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| !["host", "content-length", "connection"].contains(name))
            .collect();
        let (method, path) = (&request.method, &request.path);
        http::request(self.upstream, method, path, &headers, &request.body)
    }
}

impl Request {
    fn read(from: &mut impl BufRead) -> Result<Self> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            from.read_line(&mut line)?;
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let first = lines.first().context("no request")?;
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = words.next().zip(words.next()).context("no request")?;
        let headers = lines[1..].iter().filter_map(|line| line.split_once(':'));
        let headers: Vec<(String, String)> = headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.map_or(Ok(0), |(_, value)| value.parse())?;
        let mut body = Vec::new();
        from.take(length).read_to_end(&mut body)?;
        Ok(Self {
            method,
            path,
            headers,
            body,
        })
    }
}

fn json_answer(status: u16, body: &Value) -> Response {
    Response {
        status,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.to_string().into_bytes(),
    }
}

fn expect_empty_plan(terraform: &Terraform) -> Result<()> {
    let plan = terraform.plan()?;
    ensure!(!plan.changes, "the plan is not empty:\n{}", plan.output);
    Ok(())
}

#[test]
fn v1_where_the_registry_keeps_referrers() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let ecr = Ecr::start(&registry)?;
    let v1 = "index_version = \"V1\"";
    let terraform = initialised(&ecr.image(), v1)?;
    terraform.apply()?;
    // No tag stands in for what the registry does.
    assert_eq!(registry.tags(REPOSITORY)?, [TAG]);
    let made = terraform.expect_resource(ADDRESS)?;
    let digest = made.text("digest")?;
    assert!(registry.manifest(REPOSITORY, digest)?.is_some());
    expect_empty_plan(&terraform)?;

    let other = initialised(&ecr.image(), v1)?;
    other.import(ADDRESS, &format!("V1/{}", ecr.image()))?;
    assert_eq!(other.expect_resource(ADDRESS)?.values, made.values);
    other.write(
        "main.tf",
        &configuration(&ecr.image(), v1).replace("resource \"", "data \""),
    )?;
    other.run(&["state", "rm", ADDRESS])?.success()?;
    other.apply()?;
    let found = other.expect_resource("data.soci_index.this")?;
    assert_eq!(found.values["found"], true);
    assert_eq!(found.text("digest")?, digest);

    registry.delete_manifest(REPOSITORY, digest)?;
    assert!(terraform.plan()?.changes);
    terraform.apply()?;
    expect_empty_plan(&terraform)?;
    terraform.destroy()?;
    assert!(registry.manifest(REPOSITORY, digest)?.is_none());
    Ok(())
}

#[test]
fn v2_where_tags_are_immutable() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let ecr = Ecr::start(&registry)?;
    ecr.make_immutable();
    let terraform = initialised(&ecr.image(), "")?;
    terraform.apply()?;
    let first = registry.expect_manifest(REPOSITORY, ENABLED)?;
    assert!(!list(&first.json, "manifests")?.is_empty());
    expect_empty_plan(&terraform)?;

    // Somebody pushes past the rule; the tag of the index stays where it is.
    push(&registry, TAG, |layout| image(layout, "amd64", 2))?;
    let (errors, output) = terraform.failing_apply()?;
    let error = errors.first().context("no error")?;
    assert_eq!(error.summary, "Tag is immutable", "{output}");
    for wanted in [
        "\"1.4-soci\"",
        "TAG_INVALID",
        "argument tag",
        "tag = \"1.4-soci-2\"",
    ] {
        assert!(error.detail.contains(wanted), "no {wanted:?} in {error:#?}");
    }
    let now = registry.expect_manifest(REPOSITORY, ENABLED)?;
    assert_eq!(now.digest, first.digest);

    // The message is right: another tag it is.
    terraform.write(
        "main.tf",
        &configuration(&ecr.image(), "tag = \"1.4-soci-2\""),
    )?;
    terraform.apply()?;
    expect_empty_plan(&terraform)?;
    let source = registry.expect_manifest(REPOSITORY, TAG)?.digest;
    assert_eq!(
        terraform.expect_resource(ADDRESS)?.text("source_digest")?,
        source
    );
    terraform.destroy()?;
    assert_eq!(registry.tags(REPOSITORY)?, [TAG]);
    Ok(())
}
