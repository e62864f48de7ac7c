//! The event that reports the outcome for an image to its deployers.
//!
//! There is one for every image with something to report: what to deploy, or why there is nothing.
//! An invocation that leaves the image to another one (because a newer push has the tag, or the
//! time ran out) sends none, nor does one for something that is not an image. Failing to send an
//! event is not an error: it is logged and counted in the metrics.

use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_smithy_types::timeout::TimeoutConfig;
use serde::Serialize;

use super::error::Error;
use super::job::Outcome;
use super::progress::{LayerProgress, ztoc_bytes};
use crate::completion::{DETAIL_TYPE, SOURCE};
use crate::event::PushEvent;
use crate::runtime;
use crate::scope::IndexVersion;

/// Version of the event format.
const VERSION: &str = "1";
/// Maximum time for a request including its retries.
const PATIENCE: Duration = Duration::from_secs(3);
/// Maximum length of a reason in characters.
const MAX_REASON: usize = 1000;

/// The event's `detail`.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Detail {
    version: &'static str,
    result: &'static str,
    function_name: String,
    repository_name: String,
    /// The tag; empty for an image without one, as in Amazon ECR's own events.
    image_tag: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deploy_digest: Option<String>,
    index_version: &'static str,
    platforms: Vec<String>,
    layers_indexed: usize,
    layers_reused: usize,
    layers_left_out: usize,
    layer_bytes: u64,
    reused_bytes: u64,
    ztoc_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_code: Option<&'static str>,
    /// Whether Lambda's retries are pointless.
    #[serde(rename = "final", skip_serializing_if = "Option::is_none")]
    is_final: Option<bool>,
}

impl Detail {
    /// Describes the outcome for a pushed image. Returns `None` if there is nothing to report.
    pub(super) fn of(
        function: &str,
        version: IndexVersion,
        push: &PushEvent,
        ended: &Result<Outcome, Error>,
        progress: &LayerProgress,
    ) -> Option<Self> {
        let (reused, reused_bytes) = progress.reused();
        let plain = Self {
            version: VERSION,
            function_name: function.to_owned(),
            repository_name: push.repository.clone(),
            image_tag: push.tag.clone().unwrap_or_default(),
            image_digest: push.digest.clone(),
            index_version: version.as_str(),
            layers_reused: usize::try_from(reused).unwrap_or(usize::MAX),
            layer_bytes: progress.bytes(),
            reused_bytes,
            ..Self::default()
        };
        Some(match ended {
            Ok(Outcome::Indexed(report)) => {
                let indexed = report.indexes.iter().filter(|index| index.digest.is_some());
                let source = report.source.digest;
                Self {
                    result: "SUCCESS",
                    image_digest: Some(source.to_string()),
                    deploy_digest: Some(report.digest.unwrap_or(source).to_string()),
                    platforms: indexed.map(|index| index.platform.clone()).collect(),
                    layers_indexed: report.indexes.iter().map(|it| it.ztocs.len()).sum(),
                    layers_left_out: report.indexes.iter().map(|it| it.skipped.len()).sum(),
                    ztoc_bytes: ztoc_bytes(report),
                    ..plain
                }
            }
            Ok(Outcome::Aliased(reason, found) | Outcome::Skipped(reason, Some(found))) => Self {
                result: match found.is_indexed {
                    true => "ALREADY_INDEXED",
                    false => "NOTHING_TO_INDEX",
                },
                image_digest: Some(found.image.to_string()),
                deploy_digest: Some(found.deploy.to_string()),
                reason: Some(bounded(reason)),
                ..plain
            },
            Ok(Outcome::Skipped(_, None) | Outcome::Removed(_) | Outcome::Continued(_)) => {
                return None;
            }
            Err(error) => Self {
                result: "FAILURE",
                reason: Some(bounded(&error.to_string())),
                failure_code: Some(error.kind()),
                is_final: Some(error.is_final()),
                ..plain
            },
        })
    }
}

fn bounded(reason: &str) -> String {
    reason.chars().take(MAX_REASON).collect()
}

/// An event bus, and the client for it.
pub(super) struct EventBus {
    client: Client,
    name: String,
}

impl EventBus {
    pub(super) async fn open(name: &str) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(PATIENCE);
        let shared = runtime::aws_config().await;
        let config = aws_sdk_eventbridge::config::Builder::from(shared);
        let config = config.timeout_config(timeouts.build());
        Self {
            client: Client::from_conf(config.build()),
            name: name.to_owned(),
        }
    }

    /// Sends an event about a repository within `limit`. Returns whether it was accepted.
    pub(super) async fn send(&self, detail: &Detail, repository: &str, limit: Duration) -> bool {
        let detail = serde_json::to_string(detail).unwrap_or_default();
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(SOURCE)
            .detail_type(DETAIL_TYPE)
            .resources(repository)
            .detail(detail);
        let sent = self.client.put_events().entries(entry.build()).send();
        let failure = match tokio::time::timeout(limit, sent).await {
            Err(_) => Some("the time limit was reached".to_owned()),
            Ok(Err(error)) => Some(runtime::aws_error(&error)),
            // An entry may fail even if the request succeeds.
            Ok(Ok(answer)) if answer.failed_entry_count() == 0 => None,
            Ok(Ok(answer)) => {
                let entry = answer.entries().first();
                let text = |text: Option<&str>| text.unwrap_or("unknown").to_owned();
                let code = text(entry.and_then(|entry| entry.error_code()));
                let message = text(entry.and_then(|entry| entry.error_message()));
                Some(bounded(&format!("{code}: {message}")))
            }
        };
        let bus = self.name.as_str();
        match failure {
            None => {
                tracing::debug!(bus, "completion event sent");
                true
            }
            Some(error) => {
                tracing::warn!(bus, error, "cannot send the completion event");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::job::Found;
    use super::*;

    /// The event shown in the guide.
    const SAMPLE: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../examples/completion-event/event.json"
    ));

    fn push() -> PushEvent {
        PushEvent {
            digest: Some(soci::Digest::of("image").to_string()),
            ..PushEvent::sample()
        }
    }

    fn of(ended: Result<Outcome, Error>) -> Option<Value> {
        let progress = LayerProgress::default();
        let detail = Detail::of("f", IndexVersion::V2, &push(), &ended, &progress);
        detail.map(|detail| serde_json::to_value(detail).unwrap())
    }

    #[test]
    fn the_sample_is_what_is_sent() {
        let sample: Value = serde_json::from_str(SAMPLE).unwrap();
        let text = |field: &str| sample["detail"][field].as_str().unwrap().to_owned();
        assert_eq!(sample["source"], SOURCE);
        assert_eq!(sample["detail-type"], DETAIL_TYPE);
        let detail = Detail {
            version: VERSION,
            result: "SUCCESS",
            function_name: "soci-index-builder-generator".to_owned(),
            repository_name: "shop/web".to_owned(),
            image_tag: "1.4".to_owned(),
            image_digest: Some(text("image-digest")),
            deploy_digest: Some(text("deploy-digest")),
            index_version: "V2",
            platforms: vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()],
            layers_indexed: 6,
            layers_reused: 4,
            layers_left_out: 2,
            layer_bytes: 231_735_296,
            reused_bytes: 704_643_072,
            ztoc_bytes: 9_437_184,
            ..Detail::default()
        };
        assert_eq!(serde_json::to_value(detail).unwrap(), sample["detail"]);
        let digests = [text("image-digest"), text("deploy-digest")];
        assert!(digests.iter().all(|it| it.parse::<soci::Digest>().is_ok()));
    }

    #[test]
    fn whoever_can_deploy_is_told() {
        let (image, output) = (soci::Digest::of("image"), soci::Digest::of("output"));
        let found = |deploy, is_indexed| Found {
            image,
            deploy,
            is_indexed,
        };
        for (outcome, result, deploy) in [
            (
                Outcome::Aliased("tagged".to_owned(), found(image, false)),
                "NOTHING_TO_INDEX",
                image,
            ),
            (
                Outcome::Skipped("no layer".to_owned(), Some(found(image, false))),
                "NOTHING_TO_INDEX",
                image,
            ),
            (
                Outcome::Skipped("already".to_owned(), Some(found(output, true))),
                "ALREADY_INDEXED",
                output,
            ),
        ] {
            let detail = of(Ok(outcome)).unwrap();
            assert_eq!(detail["result"], result);
            assert_eq!(detail["image-digest"], image.to_string());
            assert_eq!(detail["deploy-digest"], deploy.to_string());
            assert!(detail["reason"].is_string() && detail.get("final").is_none());
        }
        assert_eq!(of(Ok(Outcome::Skipped("moved on".to_owned(), None))), None);
        assert_eq!(of(Ok(Outcome::Continued("goes on".to_owned()))), None);
    }

    #[test]
    fn failures_have_a_code_and_a_bounded_reason() {
        let failed = of(Err(Error::Moving {
            tag: "t".repeat(5000),
        }));
        let failed = failed.unwrap();
        assert_eq!(failed["result"], "FAILURE");
        assert_eq!(failed["failure-code"], "TagKeepsMoving");
        assert_eq!(failed["final"], json!(false));
        assert_eq!(failed.get("deploy-digest"), None);
        assert_eq!(failed["reason"].as_str().map(str::len), Some(MAX_REASON));
        assert_eq!(failed["image-digest"].as_str(), push().digest.as_deref());
    }
}
