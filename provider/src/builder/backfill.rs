//! The backfill: each image that was pushed before the builder existed is passed to the index
//! generator once, as if it were pushed now.
//!
//! Private state keeps how far that got, so that what an apply did not reach (it was interrupted,
//! or its time was up) is shown by the next plan and done by the next apply.

use std::time::{Duration, SystemTime};

use aws_sdk_ecr::types::{DescribeImagesFilter, ImageDetail, TagStatus};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use aws_smithy_types::date_time::{DateTime, Format};
use lambda::event::PushEvent;
use lambda::filters::Filter;
use lambda::scope::Scope;
use lambda::source::{Source, Sources};
use tfplugin_sdk::{Context, Diagnostic};

use super::arguments::Arguments;
use super::names;
use super::private_state::{Cursor, PrivateState};
use crate::aws::{Account, AwsError};
use crate::bundle::Function;
use crate::shared::{Session, Shared};

/// Pause between two images: indexing one puts up to five manifests, and Amazon ECR accepts ten per
/// second.
const PACE: Duration = Duration::from_millis(500);
const PAGE: i32 = 1000;
/// Maximum pages of repositories, and of images in one: as many as a registry may have.
const MAX_PAGES: usize = 100;

/// Returns whether an update changes which images match, or which index they get.
pub(super) fn is_needed(before: &Arguments, after: &Arguments) -> bool {
    let selection = |arguments: &Arguments| {
        (
            arguments.index_existing,
            arguments.repository_image_tag_filters.clone(),
            arguments.excluded_image_tag_filters.clone(),
            arguments.index_version.clone(),
            arguments.tag_suffix.clone(),
        )
    };
    selection(before) != selection(after)
}

/// Notes that all images are to be passed on.
pub(super) fn request(cx: &Context<Shared>) {
    PrivateState::update(cx, |state| state.existing = Some(Cursor::default()));
}

/// Notes that nothing is left to do.
pub(super) fn dismiss(cx: &Context<Shared>) {
    PrivateState::update(cx, |state| state.existing = None);
}

/// Returns a line of `drift` if images are still to be passed on.
pub(super) fn outstanding(cx: &Context<Shared>, arguments: &Arguments) -> Option<String> {
    let cursor = PrivateState::load(cx).existing?;
    let after = if cursor.repository.is_empty() {
        String::new()
    } else {
        format!(" after {}:{}", cursor.repository, cursor.tag)
    };
    let generator = names::function(&arguments.name, Function::IndexGenerator);
    Some(format!(
        "function {generator:?}: existing images not indexed yet{after}"
    ))
}

/// Passes on what is left. The builder itself is complete by then, so a failure is a warning.
pub(super) async fn run(session: &Session<'_>, arguments: &Arguments) {
    let cx = session.call.cx;
    let Some(cursor) = PrivateState::load(cx).existing else {
        return;
    };
    let doing = "passing existing images to the index generator";
    let done = match cx.data().aws.ecr(Some(&session.account.region)).await {
        Ok(ecr) => pass_on(session, &ecr, arguments, cursor)
            .await
            .map_err(|error| error.diagnose(doing)),
        Err(diagnostic) => Err(diagnostic),
    };
    match done {
        Ok(()) => dismiss(cx),
        Err(diagnostic) => {
            let detail = format!(
                "{}\n\nThe builder is complete. The next plan shows that existing images are not \
                 indexed yet, and the next apply continues with them.",
                diagnostic.detail
            );
            let warning = Diagnostic::warning("Existing images not indexed yet", detail);
            cx.warn(warning.at("index_existing"));
        }
    }
}

async fn pass_on(
    session: &Session<'_>,
    ecr: &aws_sdk_ecr::Client,
    arguments: &Arguments,
    mut cursor: Cursor,
) -> Result<(), AwsError> {
    let filters = arguments.filters();
    let generator = names::function(&arguments.name, Function::IndexGenerator);
    for repository in repositories(session, ecr, &filters).await? {
        if repository < cursor.repository {
            continue;
        }
        for image in images(session, ecr, &repository, arguments).await? {
            let here = Cursor {
                repository: image.repository.clone(),
                tag: image.tag.clone().unwrap_or_default(),
            };
            if here <= cursor {
                continue;
            }
            let digest = image.digest.as_deref().unwrap_or_default();
            let event = image.to_json(&id(digest), &now()).to_string();
            let invoke = session
                .lambda
                .invoke()
                .function_name(&generator)
                .invocation_type(InvocationType::Event)
                .payload(Blob::new(event));
            session.call.send(|| invoke.clone().send()).await?;
            let image = image.image();
            tracing::info!(image, "existing image passed to the index generator");
            cursor = here;
            let reached = Some(cursor.clone());
            PrivateState::update(session.call.cx, |state| state.existing = reached);
            session.call.sleep(PACE).await?;
        }
    }
    Ok(())
}

/// Returns the repositories that a filter may match, sorted.
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
    names.retain(|name| may_match(filters, name));
    names.sort();
    Ok(names)
}

/// Returns whether an image of the repository may match: one with the filter's own tag does, as a
/// wildcard matches itself.
fn may_match(filters: &[Filter], name: &str) -> bool {
    filters
        .iter()
        .any(|filter| filter.matches(name, filter.tag()))
}

/// Returns the images of a repository that would be indexed if they were pushed now, sorted by tag.
async fn images(
    session: &Session<'_>,
    ecr: &aws_sdk_ecr::Client,
    repository: &str,
    arguments: &Arguments,
) -> Result<Vec<PushEvent>, AwsError> {
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
            // Deleted meanwhile.
            Err(error) if error.is_not_found() => break,
            Err(error) => return Err(error),
        };
        let details = page.image_details.unwrap_or_default().into_iter();
        images.extend(details.flat_map(|detail| pushes(&session.account, repository, detail)));
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    // How an image came, nobody knows any more.
    let scope = Scope {
        sources: Sources::every(),
        ..arguments.scope()
    };
    let selection = arguments.selection();
    images.retain(|image| scope.decide(&selection, image).is_ok());
    images.sort_by(|a, b| a.tag.cmp(&b.tag));
    Ok(images)
}

/// Returns the push of an image under each of its tags.
fn pushes(account: &Account, repository: &str, detail: ImageDetail) -> Vec<PushEvent> {
    let Some(digest) = detail.image_digest else {
        return Vec::new();
    };
    let tags = detail.image_tags.unwrap_or_default().into_iter();
    tags.map(|tag| PushEvent {
        source: Source::Push,
        account: account.id.clone(),
        region: account.region.clone(),
        repository: repository.to_owned(),
        digest: Some(digest.clone()),
        tag: Some(tag),
        manifest_media_type: detail.image_manifest_media_type.clone(),
        artifact_media_type: detail.artifact_media_type.clone(),
    })
    .collect()
}

/// Returns the time of an event, which has whole seconds.
fn now() -> String {
    let now = DateTime::from(SystemTime::now());
    let seconds = DateTime::from_secs(now.secs());
    seconds.fmt(Format::DateTime).unwrap_or_default()
}

/// Returns an ID in the form of an event's, which is always the same for the same image.
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
    fn an_image_is_passed_on_as_a_push() {
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
        let images = pushes(&account, "shop/web", detail);
        assert_eq!(images.len(), 2);
        let (id, time) = (id(images[1].digest.as_deref().unwrap()), now());
        assert_eq!(id.len(), 36);
        assert_eq!(time.len(), "2026-01-01T00:00:00Z".len());
        let event = images[1].to_json(&id, &time);
        let text = |path: &str| event.pointer(path).and_then(|value| value.as_str());
        assert_eq!(text("/source"), Some("aws.ecr"));
        assert_eq!(text("/detail/image-tag"), Some("latest"));
        assert_eq!(text("/detail/repository-name"), Some("shop/web"));
        assert_eq!(text("/id"), Some(&*id));
        assert_eq!(text("/time"), Some(&*time));
        assert_eq!(event["detail"].get("artifact-media-type"), None);
        assert_eq!(
            PushEvent::parse(&event.to_string()).as_ref(),
            Ok(&images[1])
        );
    }

    #[test]
    fn a_change_of_the_selection_needs_another_backfill() {
        let before = Arguments {
            index_existing: true,
            ..Arguments::default()
        };
        assert!(!is_needed(&before, &before));
        let change = |change: fn(&mut Arguments)| {
            let mut after = before.clone();
            change(&mut after);
            is_needed(&before, &after)
        };
        assert!(change(|after| after.index_version = "V1".to_owned()));
        assert!(change(|after| after.tag_suffix = "_soci".to_owned()));
        assert!(change(|after| {
            after.repository_image_tag_filters = vec!["a:*".to_owned()];
        }));
        assert!(change(|after| {
            after.excluded_image_tag_filters = vec!["a:*".to_owned()];
        }));
        assert!(!change(|after| after.memory_size = 3008));
        assert!(is_needed(&Arguments::default(), &before));
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
        let record = PrivateState {
            existing: Some(at("a", "1")),
            ..PrivateState::default()
        };
        let bytes = serde_json::to_vec(&record).unwrap();
        assert_eq!(
            serde_json::from_slice::<PrivateState>(&bytes).unwrap(),
            record
        );
    }
}
