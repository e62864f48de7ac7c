//! Repositories and images, as listed by Amazon ECR's API.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::http::Response;
use crate::image::sha256;

/// The images of an account, in memory.
#[derive(Default)]
pub struct Images {
    repositories: BTreeMap<String, Vec<Image>>,
    /// Repositories to which access is denied.
    denied: BTreeSet<String>,
    /// Operations that are denied.
    refused: BTreeSet<String>,
    /// Maximum number of items in a page, if lower than requested.
    page: Option<usize>,
    /// Whether all page tokens have been forgotten.
    forgetful: bool,
    requests: Vec<String>,
}

struct Image {
    digest: String,
    tags: Vec<String>,
    media_type: String,
    artifact_type: Option<String>,
    manifest: String,
    /// Whether the image is archived and cannot be pulled.
    is_archived: bool,
}

impl Images {
    /// Creates an empty repository.
    pub fn create(&mut self, repository: &str) {
        self.repositories.entry(repository.to_owned()).or_default();
    }

    /// Stores a manifest under some tags, removing them from other manifests. Returns its digest.
    pub fn put(&mut self, repository: &str, tags: &[&str], manifest: &Value) -> String {
        self.put_text(repository, tags, manifest, manifest.to_string())
    }

    /// Stores a manifest like [`put`](Self::put), given as text.
    pub fn put_text(
        &mut self,
        repository: &str,
        tags: &[&str],
        manifest: &Value,
        text: String,
    ) -> String {
        // Hashing in memory cannot fail.
        let digest = sha256(text.as_bytes()).unwrap_or_default();
        let images = self.repositories.entry(repository.to_owned()).or_default();
        for image in images.iter_mut() {
            image.tags.retain(|tag| !tags.contains(&tag.as_str()));
        }
        let tags = tags.iter().map(|tag| (*tag).to_owned());
        if let Some(image) = images.iter_mut().find(|image| image.digest == digest) {
            image.tags.extend(tags);
            return digest;
        }
        let kinds = [&manifest["artifactType"], &manifest["config"]["mediaType"]];
        let kind = kinds.into_iter().find_map(Value::as_str);
        images.push(Image {
            digest: digest.clone(),
            tags: tags.collect(),
            media_type: manifest["mediaType"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            artifact_type: kind.map(str::to_owned),
            manifest: text,
            is_archived: false,
        });
        digest
    }

    /// Archives the image with a tag.
    pub fn archive(&mut self, repository: &str, tag: &str) {
        let images = self.repositories.entry(repository.to_owned()).or_default();
        for image in images {
            image.is_archived |= image.tags.iter().any(|its| its == tag);
        }
    }

    /// Denies access to a repository from now on.
    pub fn deny(&mut self, repository: &str) {
        self.denied.insert(repository.to_owned());
    }

    /// Denies an operation from now on.
    pub fn refuse(&mut self, operation: &str) {
        self.refused.insert(operation.to_owned());
    }

    /// Returns pages of at most `items` items from now on.
    pub fn page(&mut self, items: usize) {
        self.page = Some(items);
    }

    /// Forgets all page tokens.
    pub fn forget_pages(&mut self) {
        self.forgetful = true;
    }

    /// Returns the requested operations so far, oldest first.
    pub fn requests(&self) -> &[String] {
        &self.requests
    }

    /// Forgets the recorded requests.
    pub fn forget_requests(&mut self) {
        self.requests.clear();
    }

    pub(super) fn respond(&mut self, operation: &str, body: &[u8]) -> Result<Response> {
        let body: Value = serde_json::from_slice(body)?;
        self.requests.push(operation.to_owned());
        let name = body["repositoryName"].as_str().unwrap_or_default();
        if self.denied.contains(name) || self.refused.contains(operation) {
            return Ok(refusal("AccessDeniedException", "not authorized"));
        }
        if operation == "DescribeRepositories" {
            let names: Vec<Value> = self
                .repositories
                .keys()
                .map(|name| json!({"repositoryName": name}))
                .collect();
            return Ok(self.paged(&body, "repositories", names));
        }
        let Some(images) = self.repositories.get(name) else {
            return Ok(refusal("RepositoryNotFoundException", "no repository"));
        };
        match operation {
            "DescribeImages" => {
                let status = body["filter"]["tagStatus"].as_str().context("no filter")?;
                let archived = match body["filter"]["imageStatus"].as_str() {
                    None => false,
                    Some("ARCHIVED") => true,
                    Some("ACTIVATING") => return Ok(self.paged(&body, "imageDetails", Vec::new())),
                    Some(other) => bail!("unexpected {other}"),
                };
                let wanted = images.iter().filter(|image| {
                    image.is_archived == archived && image.tags.is_empty() == (status == "UNTAGGED")
                });
                let details: Vec<Value> = wanted.map(Image::detail).collect();
                Ok(self.paged(&body, "imageDetails", details))
            }
            "BatchGetImage" => batch_get(images, &body),
            // Deletion is always denied here; the local AWS supports it.
            "BatchDeleteImage" => Ok(refusal("AccessDeniedException", "not authorized")),
            operation => bail!("unexpected {operation}"),
        }
    }

    fn paged(&self, body: &Value, name: &str, items: Vec<Value>) -> Response {
        let from = match body["nextToken"].as_str() {
            None => 0,
            Some(_) if self.forgetful => {
                return refusal("InvalidParameterException", "unknown token");
            }
            Some(token) => token.trim_start_matches("from-").parse().unwrap_or(0),
        };
        let asked = body["maxResults"].as_u64().unwrap_or(100) as usize;
        let size = self.page.unwrap_or(asked).min(asked);
        let next = (from + size < items.len()).then(|| format!("from-{}", from + size));
        let page: Vec<Value> = items.into_iter().skip(from).take(size).collect();
        Response::json(200, &json!({name: page, "nextToken": next}))
    }
}

impl Image {
    fn detail(&self) -> Value {
        let mut detail = json!({
            "imageDigest": self.digest,
            "imageManifestMediaType": self.media_type,
        });
        if !self.tags.is_empty() {
            detail["imageTags"] = json!(self.tags);
        }
        if let Some(kind) = &self.artifact_type {
            detail["artifactMediaType"] = json!(kind);
        }
        detail
    }
}

fn batch_get(images: &[Image], body: &Value) -> Result<Response> {
    let accepted = body["acceptedMediaTypes"].as_array().context("no types")?;
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for id in body["imageIds"].as_array().context("no identifiers")? {
        let (digest, tag) = (id["imageDigest"].as_str(), id["imageTag"].as_str());
        let has = |image: &&Image| {
            digest == Some(&*image.digest)
                || tag.is_some_and(|tag| image.tags.iter().any(|its| its == tag))
        };
        match images.iter().filter(|image| !image.is_archived).find(has) {
            Some(image) => {
                if !accepted.contains(&json!(image.media_type)) {
                    bail!("{} is not accepted", image.media_type);
                }
                found.push(json!({
                    "imageId": {"imageDigest": image.digest, "imageTag": tag},
                    "imageManifest": image.manifest,
                    "imageManifestMediaType": image.media_type,
                }));
            }
            None => failures.push(json!({"imageId": id, "failureCode": "ImageNotFound"})),
        }
    }
    Ok(Response::json(
        200,
        &json!({"images": found, "failures": failures}),
    ))
}

fn refusal(code: &str, message: &str) -> Response {
    Response::json(400, &json!({"__type": code, "message": message}))
}
