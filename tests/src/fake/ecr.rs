//! A registry with the peculiarities of Amazon ECR: it has a referrers API and immutable tags, and
//! omits a header that the OCI specification requires.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::server::{Request, Server};
use crate::http::{self, Response};
use crate::registry::Registry;

const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// A running fake in front of a real registry, which stores everything except the referrers.
/// Dropping it stops it.
pub struct FakeEcr {
    server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    immutable: bool,
    /// Descriptors of artifacts, by repository and subject.
    referrers: BTreeMap<(String, String), Vec<Value>>,
}

impl FakeEcr {
    /// Starts a fake in front of `registry`.
    pub fn start(registry: &Registry) -> Result<Self> {
        Self::before(registry.address())
    }

    /// Starts a fake in front of something that leads to a registry, such as a proxy.
    pub fn before(upstream: SocketAddr) -> Result<Self> {
        let shared = Arc::new(Shared {
            upstream,
            state: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        let server = Server::start(move |request| serving.answer(request))?;
        Ok(Self { server, shared })
    }

    /// Returns `127.0.0.1:PORT/name`, for a name such as `shop/web:1`.
    pub fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.server.address())
    }

    /// Refuses to move tags from now on.
    pub fn make_immutable(&self) {
        self.shared.state(|state| state.immutable = true);
    }
}

impl Shared {
    fn state<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn answer(&self, request: &Request) -> Result<Response> {
        let path = request.path().split('?').next().unwrap_or_default();
        if let Some((repository, subject)) = split(path, "/referrers/") {
            return self.referrers(repository, subject);
        }
        match split(path, "/manifests/") {
            Some((repository, name)) if request.method() == "PUT" => {
                self.put_manifest(request, repository, name)
            }
            _ => self.forward(request),
        }
    }

    fn put_manifest(&self, request: &Request, repository: &str, name: &str) -> Result<Response> {
        let is_tag = !name.starts_with("sha256:");
        if is_tag && self.state(|state| state.immutable) && self.exists(repository, name)? {
            let message = format!(
                "The image tag '{name}' already exists in the '{repository}' repository and \
                 cannot be overwritten because the tag is immutable."
            );
            let error = json!({"errors": [{"code": "TAG_INVALID", "message": message}]});
            return Ok(Response::json(400, &error));
        }
        let mut answer = self.forward(request)?;
        if answer.status != 201 {
            return Ok(answer);
        }
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
                let key = (repository.to_owned(), subject.to_owned());
                let referrers = state.referrers.entry(key).or_default();
                referrers.retain(|known| known["digest"] != descriptor["digest"]);
                referrers.push(descriptor);
            });
        }
        Ok(answer)
    }

    fn referrers(&self, repository: &str, subject: &str) -> Result<Response> {
        let key = (repository.to_owned(), subject.to_owned());
        let known = self.state(|state| state.referrers.get(&key).cloned());
        let mut standing = Vec::new();
        for referrer in known.unwrap_or_default() {
            if self.exists(repository, referrer["digest"].as_str().unwrap_or_default())? {
                standing.push(referrer);
            }
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": standing});
        Ok(Response::json(200, &index))
    }

    fn exists(&self, repository: &str, name: &str) -> Result<bool> {
        let path = format!("/v2/{repository}/manifests/{name}");
        let accept = [("Accept", MANIFEST_TYPE), ("Accept", INDEX_TYPE)];
        let answer = http::request(self.upstream, "GET", &path, &accept, b"")?;
        Ok(answer.status == 200)
    }

    /// Forwards a request to the real registry.
    fn forward(&self, request: &Request) -> Result<Response> {
        let headers: Vec<(&str, &str)> = request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| !["host", "content-length", "connection"].contains(name))
            .collect();
        let (method, path) = (request.method(), request.path());
        let mut answer = http::request(self.upstream, method, path, &headers, &request.body)?;
        let hops = ["connection", "transfer-encoding"];
        answer
            .headers
            .retain(|(name, _)| !hops.contains(&name.as_str()));
        Ok(answer)
    }
}

/// Splits `/v2/REPOSITORY/KIND/NAME` into repository and name.
fn split<'a>(path: &'a str, kind: &str) -> Option<(&'a str, &'a str)> {
    path.strip_prefix("/v2/")?.rsplit_once(kind)
}
