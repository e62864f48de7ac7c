//! Images that were pushed before there was a builder: each is handed to the index generator
//! once, as if it were pushed now.
//!
//! How far that got is remembered beside the state, so that what an apply did not reach (it was
//! interrupted, or the time was up) is shown by the next plan and done by the next apply.

use std::time::{Duration, SystemTime};

use aws_sdk_ecr::types::{DescribeImagesFilter, ImageDetail, TagStatus};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use aws_smithy_types::date_time::{DateTime, Format};
use lambda::filters::{Filter, any_matches};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tfplugin_sdk::{Context, Diagnostic};

use super::names;
use super::settings::Settings;
use crate::aws::Account;
use crate::aws::AwsError;
use crate::bundle::Function;
use crate::shared::Session;
use crate::shared::Shared;

/// An image takes up to five manifests, and Amazon ECR takes ten in a second.
const PACE: Duration = Duration::from_millis(500);
const PAGE: i32 = 1000;
/// As many repositories, and images of one, as a registry may have.
const MAX_PAGES: usize = 100;

/// What is remembered beside the state.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// Nothing if all is done; else the last image that was sent.
    existing: Option<Cursor>,
}

/// A repository and tag; empty before the first.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Cursor {
    repository: String,
    tag: String,
}

impl Record {
    fn load(cx: &Context<Shared>) -> Self {
        serde_json::from_slice(&cx.private()).unwrap_or_default()
    }

    fn save(&self, cx: &Context<Shared>) {
        // Two texts always serialise.
        cx.set_private(serde_json::to_vec(self).unwrap_or_default());
    }
}

/// Remembers that all images are to be sent.
pub(super) fn request(cx: &Context<Shared>) {
    let existing = Some(Cursor::default());
    Record { existing }.save(cx);
}

/// Remembers that none are.
pub(super) fn dismiss(cx: &Context<Shared>) {
    Record::default().save(cx);
}

/// A line of `drift` if images are still to be sent.
pub(super) fn outstanding(cx: &Context<Shared>, settings: &Settings) -> Option<String> {
    let cursor = Record::load(cx).existing?;
    let after = if cursor.repository.is_empty() {
        String::new()
    } else {
        format!(" after {}:{}", cursor.repository, cursor.tag)
    };
    let generator = names::function(&settings.name, Function::IndexGenerator);
    Some(format!(
        "function {generator:?}: existing images not handed over yet{after}"
    ))
}

/// Sends what is to be sent. The builder itself stands, so that a failure is a warning.
pub(super) async fn send(session: &Session<'_>, settings: &Settings) {
    let cx = session.call.cx;
    let Some(cursor) = Record::load(cx).existing else {
        return;
    };
    let doing = "handing existing images to the index generator";
    let sent = match cx.data().aws.ecr().await {
        Ok(ecr) => all(session, &ecr, settings, cursor)
            .await
            .map_err(|error| error.diagnose(doing)),
        Err(diagnostic) => Err(diagnostic),
    };
    match sent {
        Ok(()) => dismiss(cx),
        Err(diagnostic) => {
            let detail = format!(
                "{}\n\nThe builder stands. The next plan shows that existing images are still to \
                 be handed over, and the next apply goes on with them.",
                diagnostic.detail
            );
            let warning = Diagnostic::warning("Existing images not all handed over", detail);
            cx.warn(warning.at("index_existing"));
        }
    }
}

async fn all(
    session: &Session<'_>,
    ecr: &aws_sdk_ecr::Client,
    settings: &Settings,
    mut cursor: Cursor,
) -> Result<(), AwsError> {
    let filters = settings.filters();
    let generator = names::function(&settings.name, Function::IndexGenerator);
    for repository in repositories(session, ecr, &filters).await? {
        if repository < cursor.repository {
            continue;
        }
        for image in images(session, ecr, &repository, settings, &filters).await? {
            let here = Cursor {
                repository: repository.clone(),
                tag: image.tag.clone(),
            };
            if here <= cursor {
                continue;
            }
            let event = event(&session.account, &repository, &image).to_string();
            let invoke = session
                .lambda
                .invoke()
                .function_name(&generator)
                .invocation_type(InvocationType::Event)
                .payload(Blob::new(event));
            session.call.send(|| invoke.clone().send()).await?;
            tracing::info!(repository, tag = image.tag, "existing image handed over");
            cursor = here;
            let existing = Some(cursor.clone());
            Record { existing }.save(session.call.cx);
            session.call.sleep(PACE).await?;
        }
    }
    Ok(())
}

/// The repositories that a filter names, sorted.
async fn repositories(
    session: &Session<'_>,
    ecr: &aws_sdk_ecr::Client,
    filters: &[Filter],
) -> Result<Vec<String>, AwsError> {
    let (mut names, mut token) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let list = ecr.describe_repositories().max_results(PAGE);
        let list = list.set_next_token(token.take());
        let page = session.call.send(|| list.clone().send()).await?;
        let found = page.repositories.unwrap_or_default().into_iter();
        names.extend(found.filter_map(|repository| repository.repository_name));
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    names.retain(|name| names_repository(filters, name));
    names.sort();
    Ok(names)
}

/// Whether an image of the repository may match: whether one with the filter's own tag does, as a
/// wildcard matches itself.
fn names_repository(filters: &[Filter], name: &str) -> bool {
    filters
        .iter()
        .any(|filter| filter.matches(name, filter.tag()))
}

/// An image under one of its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Image {
    tag: String,
    digest: String,
    manifest_type: Option<String>,
    artifact_type: Option<String>,
}

/// The images of a repository that a filter matches, sorted by tag.
async fn images(
    session: &Session<'_>,
    ecr: &aws_sdk_ecr::Client,
    repository: &str,
    settings: &Settings,
    filters: &[Filter],
) -> Result<Vec<Image>, AwsError> {
    let tagged = DescribeImagesFilter::builder()
        .tag_status(TagStatus::Tagged)
        .build();
    let (mut images, mut token) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let list = ecr.describe_images().repository_name(repository);
        let list = list.filter(tagged.clone()).max_results(PAGE);
        let list = list.set_next_token(token.take());
        let page = match session.call.send(|| list.clone().send()).await {
            Ok(page) => page,
            // Removed in the middle of it.
            Err(error) if error.is_not_found() => break,
            Err(error) => return Err(error),
        };
        let details = page.image_details.unwrap_or_default();
        images.extend(details.into_iter().flat_map(by_tag));
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    images.retain(|image| {
        !image.tag.ends_with(&settings.tag_suffix) && any_matches(filters, repository, &image.tag)
    });
    images.sort_by(|a, b| a.tag.cmp(&b.tag));
    Ok(images)
}

fn by_tag(detail: ImageDetail) -> Vec<Image> {
    let Some(digest) = detail.image_digest else {
        return Vec::new();
    };
    let tags = detail.image_tags.unwrap_or_default().into_iter();
    tags.map(|tag| Image {
        tag,
        digest: digest.clone(),
        manifest_type: detail.image_manifest_media_type.clone(),
        artifact_type: detail.artifact_media_type.clone(),
    })
    .collect()
}

/// The event that Amazon ECR emits for a push of the image.
fn event(account: &Account, repository: &str, image: &Image) -> Json {
    let now = DateTime::from(SystemTime::now());
    let seconds = DateTime::from_secs(now.secs());
    let mut detail = json!({
        "result": "SUCCESS",
        "repository-name": repository,
        "image-digest": image.digest,
        "action-type": "PUSH",
        "image-tag": image.tag,
    });
    for (field, value) in [
        ("manifest-media-type", &image.manifest_type),
        ("artifact-media-type", &image.artifact_type),
    ] {
        if let Some(value) = value {
            detail[field] = json!(value);
        }
    }
    json!({
        "version": "0",
        "id": id(&image.digest),
        "detail-type": "ECR Image Action",
        "source": "aws.ecr",
        "account": account.id,
        "time": seconds.fmt(Format::DateTime).unwrap_or_default(),
        "region": account.region,
        "resources": [],
        "detail": detail,
    })
}

/// In the form of an event's id, and the same for the same image.
fn id(digest: &str) -> String {
    let hex: Vec<char> = digest.chars().rev().take(32).collect();
    let part = |from: usize, to: usize| -> String { hex.iter().take(to).skip(from).collect() };
    [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_as_ecr_emits_it() {
        let account = Account {
            id: "123456789012".to_owned(),
            partition: "aws".to_owned(),
            region: "eu-west-1".to_owned(),
        };
        let detail = ImageDetail::builder()
            .image_digest(format!("sha256:{}", "0123456789abcdef".repeat(4)))
            .image_tags("1.0")
            .image_tags("latest")
            .image_manifest_media_type("application/vnd.oci.image.manifest.v1+json")
            .build();
        let images = by_tag(detail);
        assert_eq!(images.len(), 2);
        let event = event(&account, "shop/web", &images[1]);
        let text = |path: &str| {
            event
                .pointer(path)
                .and_then(Json::as_str)
                .unwrap_or_default()
        };
        assert_eq!(text("/source"), "aws.ecr");
        assert_eq!(text("/detail/image-tag"), "latest");
        assert_eq!(text("/detail/repository-name"), "shop/web");
        assert_eq!(text("/id").len(), 36);
        assert_eq!(text("/time").len(), "2026-01-01T00:00:00Z".len());
        assert_eq!(event["detail"].get("artifact-media-type"), None);
    }

    #[test]
    fn images_come_in_order() {
        let at = |repository: &str, tag: &str| Cursor {
            repository: repository.to_owned(),
            tag: tag.to_owned(),
        };
        assert!(Cursor::default() < at("a", ""));
        assert!(at("a", "z") < at("b", "a"));
        assert!(at("a", "1") < at("a", "2"));
        let record = Record {
            existing: Some(at("a", "1")),
        };
        let bytes = serde_json::to_vec(&record).unwrap();
        assert_eq!(serde_json::from_slice::<Record>(&bytes).unwrap(), record);
    }
}
