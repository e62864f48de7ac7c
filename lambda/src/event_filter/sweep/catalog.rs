//! Repositories, images and manifests, as listed by Amazon ECR's API.
//!
//! Everything is fetched in pages or small groups, so memory does not depend on the amount of
//! content. Requests are spaced so that they never reach Amazon ECR's rate limits.

use std::collections::HashSet;
use std::time::Duration;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::operation::describe_images::DescribeImagesError;
use aws_sdk_ecr::types::{DescribeImagesFilter, ImageDetail, ImageIdentifier, TagStatus};
use aws_smithy_types::timeout::TimeoutConfig;
use soci::Digest;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::filters::Filters;
use crate::grammar::{is_digest, is_repository, is_tag};
use crate::{archive, ecr, runtime};

/// Minimum time between two requests: ten per second for each of describing and reading.
const PACE: Duration = Duration::from_millis(100);
/// Maximum time for a request including its retries.
const PATIENCE: Duration = Duration::from_secs(30);
/// Page size: the maximum that Amazon ECR returns.
const PAGE: i32 = 1000;
/// Maximum number of pages of repositories: enough for as many as a registry may have.
const MAX_PAGES: usize = 100;
/// Number of manifests per request. They have up to 4 MiB each, and all are in memory at once.
pub(super) const MANIFESTS: usize = 10;
/// Media types of manifests that are accepted unchanged.
const ACCEPTED: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

pub(super) struct Catalog {
    client: Client,
    pace: Interval,
}

/// Some images of a repository.
pub(super) struct Page {
    pub images: Vec<Image>,
    /// Token of the next page.
    pub next: Option<String>,
}

/// An image, as described by the list of images.
pub(super) struct Image {
    pub digest: String,
    pub tags: Vec<String>,
    pub manifest_media_type: Option<String>,
    pub artifact_media_type: Option<String>,
}

/// A manifest, with the digest or tag it was requested by.
pub(super) struct Found {
    pub digest: String,
    pub tag: Option<String>,
    pub manifest: String,
}

/// Reasons why there is no page.
pub(super) enum Failure {
    /// The repository does not exist.
    Gone,
    /// Amazon ECR does not recognize the page token.
    StalePage(String),
    Other(String),
}

/// Selects the images that a page contains.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tagged {
    Yes,
    No,
}

impl Catalog {
    pub(super) async fn open(endpoint: Option<&str>) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(PATIENCE);
        let settings = ecr::settings(endpoint).await;
        let settings = settings.timeout_config(timeouts.build());
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            client: Client::from_conf(settings.build()),
            pace,
        }
    }

    /// Returns the repositories that a filter may match, sorted.
    pub(super) async fn repositories(&mut self, filters: &Filters) -> Result<Vec<String>, String> {
        let (mut names, mut token) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            self.pace.tick().await;
            let list = self.client.describe_repositories().max_results(PAGE);
            let list = list.set_next_token(token.take());
            let page = list.send().await;
            let page = page.map_err(|error| runtime::aws_error(&error))?;
            let found = page.repositories.unwrap_or_default().into_iter();
            let found = found.filter_map(|repository| repository.repository_name);
            names.extend(found.filter(|name| is_repository(name) && filters.may_match(name)));
            token = page.next_token;
            if token.is_none() {
                names.sort_unstable();
                names.dedup();
                return Ok(names);
            }
        }
        Err(format!(
            "the registry has more than {MAX_PAGES} pages of repositories"
        ))
    }

    /// Returns a page of the images with a tag.
    pub(super) async fn page(
        &mut self,
        repository: &str,
        token: Option<&str>,
    ) -> Result<Page, Failure> {
        self.page_of(repository, Tagged::Yes, token).await
    }

    /// Returns a page of the images with a tag, or of those without.
    pub(super) async fn page_of(
        &mut self,
        repository: &str,
        tagged: Tagged,
        token: Option<&str>,
    ) -> Result<Page, Failure> {
        self.pace.tick().await;
        let status = match tagged {
            Tagged::Yes => TagStatus::Tagged,
            Tagged::No => TagStatus::Untagged,
        };
        let filter = DescribeImagesFilter::builder().tag_status(status).build();
        let list = self.client.describe_images().repository_name(repository);
        let list = list.filter(filter).max_results(PAGE);
        let list = list.set_next_token(token.map(str::to_owned));
        let page = list.send().await.map_err(|error| {
            let text = runtime::aws_error(&error);
            match error.as_service_error() {
                Some(DescribeImagesError::RepositoryNotFoundException(_)) => Failure::Gone,
                Some(DescribeImagesError::InvalidParameterException(_)) => Failure::StalePage(text),
                _ => Failure::Other(text),
            }
        })?;
        let images = page.image_details.unwrap_or_default().into_iter();
        Ok(Page {
            images: images.filter_map(Image::read).collect(),
            next: page.next_token,
        })
    }

    /// Returns those manifests with these tags that exist.
    pub(super) async fn tagged(
        &mut self,
        repository: &str,
        tags: &[String],
    ) -> Result<Vec<Found>, String> {
        let tags = tags.iter();
        let ids = tags.map(|tag| ImageIdentifier::builder().image_tag(tag).build());
        self.manifests(repository, ids.collect()).await
    }

    /// Returns the tags of images that cannot be pulled because they are archived.
    pub(super) async fn archived(&mut self, repository: &str) -> Result<HashSet<String>, String> {
        self.pace.tick().await;
        archive::tags(&self.client, repository).await
    }

    /// Returns those manifests with these digests that exist.
    pub(super) async fn with_digests<'a>(
        &mut self,
        repository: &str,
        digests: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<Found>, String> {
        let digests = digests.into_iter();
        let ids = digests.map(|digest| ImageIdentifier::builder().image_digest(digest).build());
        self.manifests(repository, ids.collect()).await
    }

    async fn manifests(
        &mut self,
        repository: &str,
        ids: Vec<ImageIdentifier>,
    ) -> Result<Vec<Found>, String> {
        let mut found = Vec::new();
        for ids in ids.chunks(MANIFESTS) {
            self.pace.tick().await;
            let get = self.client.batch_get_image().repository_name(repository);
            let get = get.set_image_ids(Some(ids.to_vec()));
            let get = get.set_accepted_media_types(Some(ACCEPTED.map(str::to_owned).to_vec()));
            let answer = get.send().await;
            let answer = answer.map_err(|error| runtime::aws_error(&error))?;
            for image in answer.images.unwrap_or_default() {
                let (id, manifest) = (image.image_id, image.image_manifest);
                let (Some(id), Some(manifest)) = (id, manifest) else {
                    continue;
                };
                let digest = Digest::of(manifest.as_bytes()).to_string();
                if id.image_digest.as_ref() != Some(&digest) {
                    continue;
                }
                found.push(Found {
                    digest,
                    tag: id.image_tag,
                    manifest,
                });
            }
        }
        Ok(found)
    }
}

impl Image {
    /// Converts an image from the list, unless its digest is not a valid one.
    fn read(detail: ImageDetail) -> Option<Self> {
        let mut tags = detail.image_tags.unwrap_or_default();
        tags.retain(|tag| is_tag(tag));
        Some(Self {
            digest: detail.image_digest.filter(|digest| is_digest(digest))?,
            tags,
            manifest_media_type: detail.image_manifest_media_type,
            artifact_media_type: detail.artifact_media_type,
        })
    }
}
