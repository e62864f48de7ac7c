//! The event that Amazon ECR emits after a push or another arrival of an image, and the one that it
//! emits after a deletion.
//!
//! EventBridge only passes on events that match its rule, but anyone who may invoke a function can
//! make up an event. Each value is therefore checked in full, and bounded, before it becomes part
//! of a reference or a log line.

mod deletion;
mod image_event;

use serde_json::{Value, json};

use crate::grammar::{is_digest, is_repository, is_tag};
use crate::source::Source;

pub use deletion::DeletionEvent;
pub use image_event::ImageEvent;

/// The event's `source`.
pub const SOURCE: &str = "aws.ecr";
/// The event's `detail.result`, or `detail.sync-status` for a pull-through cache. Other values mean
/// failure.
pub const RESULT: &str = "SUCCESS";

/// Maximum size of an event in bytes (EventBridge quota for an entry).
pub(crate) const MAX_EVENT: usize = 256 << 10;
/// Maximum length of a quoted invalid value in characters.
const MAX_QUOTED: usize = 100;

/// The successful push of a manifest, or its arrival in another way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushEvent {
    /// How the image arrived.
    pub source: Source,
    /// Account of the registry, twelve digits.
    pub account: String,
    /// Region of the registry, such as `eu-west-1`.
    pub region: String,
    /// Name of the repository.
    pub repository: String,
    /// Digest of the manifest: `sha256:` and 64 hex digits. Events of a pull-through cache may lack
    /// it; they have a tag then.
    pub digest: Option<String>,
    /// Tag of the manifest; `None` if it was pushed without one.
    pub tag: Option<String>,
    /// Media type of the manifest, if known.
    pub manifest_media_type: Option<String>,
    /// Media type of the manifest's configuration, if known.
    pub artifact_media_type: Option<String>,
}

/// An event that does not report the arrival of an image in Amazon ECR.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event: {field}: got {got}, want {want}")]
pub struct InvalidEvent {
    field: &'static str,
    got: String,
    want: &'static str,
}

impl PushEvent {
    /// Parses and checks an event.
    ///
    /// # Errors
    /// If it is not a push, or contains a value that cannot come from Amazon ECR.
    pub fn parse(text: &str) -> Result<Self, InvalidEvent> {
        let event = read(text)?;
        let event = Event(&event);
        event.equal("source", SOURCE)?;
        let source = event.get("detail-type").as_str().and_then(Source::of_event);
        let source = source.ok_or_else(|| {
            let want = "ECR Image Action, ECR Pull Through Cache Action or ECR Replication Action";
            event.refuse("detail-type", want)
        })?;
        match source.action() {
            Some(action) => {
                event.equal("detail.action-type", action)?;
                event.equal("detail.result", RESULT)?;
            }
            None => event.equal("detail.sync-status", RESULT)?,
        }
        event.image(source)
    }

    /// Writes the event as Amazon ECR emits it, with the given `id` and `time` (RFC 3339).
    pub fn to_json(&self, id: &str, time: &str) -> Value {
        let mut detail = json!({
            "repository-name": self.repository,
            "image-digest": self.digest,
            "image-tag": self.tag.as_deref().unwrap_or_default(),
        });
        match self.source.action() {
            Some(action) => {
                detail["result"] = RESULT.into();
                detail["action-type"] = action.into();
            }
            None => detail["sync-status"] = RESULT.into(),
        }
        for (field, value) in [
            ("manifest-media-type", &self.manifest_media_type),
            ("artifact-media-type", &self.artifact_media_type),
        ] {
            if let Some(value) = value {
                detail[field] = json!(value);
            }
        }
        json!({
            "version": "0",
            "id": id,
            "detail-type": self.source.detail_type(),
            "source": SOURCE,
            "account": self.account,
            "time": time,
            "region": self.region,
            "resources": [],
            "detail": detail,
        })
    }

    /// Returns the digest, or an empty string if it is not known.
    pub fn digest(&self) -> &str {
        self.digest.as_deref().unwrap_or_default()
    }

    /// Returns an ID in the format of an event's ID, which is always the same for the same
    /// manifest.
    pub fn id(&self) -> String {
        let hex: Vec<char> = self.digest().chars().rev().take(32).collect();
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

    /// Returns `repository:tag`, or `repository@digest` without a tag.
    pub fn image(&self) -> String {
        match &self.tag {
            Some(tag) => format!("{}:{tag}", self.repository),
            None => format!("{}@{}", self.repository, self.digest()),
        }
    }
}

#[cfg(test)]
impl PushEvent {
    /// Returns the push of `shop/web:1.4`, for tests to modify.
    pub(crate) fn sample() -> Self {
        Self {
            source: Source::Push,
            account: "123456789012".to_owned(),
            region: "eu-west-1".to_owned(),
            repository: "shop/web".to_owned(),
            digest: Some(format!("sha256:{}", "0".repeat(64))),
            tag: Some("1.4".to_owned()),
            manifest_media_type: None,
            artifact_media_type: None,
        }
    }
}

/// Parses the JSON of an event within the size limit.
fn read(text: &str) -> Result<Value, InvalidEvent> {
    let invalid = |got: String, want| InvalidEvent {
        field: "the event itself",
        got,
        want,
    };
    if text.len() > MAX_EVENT {
        let got = format!("{} bytes", text.len());
        return Err(invalid(got, "at most 262144 bytes"));
    }
    serde_json::from_str(text).map_err(|error| invalid(error.to_string(), "a JSON object"))
}

struct Event<'a>(&'a Value);

impl Event<'_> {
    /// Determines which image an event is about.
    fn image(&self, source: Source) -> Result<PushEvent, InvalidEvent> {
        let (digest, want) = (
            "detail.image-digest",
            "\"sha256:\" and 64 lower-case hex digits",
        );
        let image = PushEvent {
            source,
            account: self.text("account", "twelve digits", is_account)?,
            region: self.text("region", "a region such as \"eu-west-1\"", is_region)?,
            repository: self.text(
                "detail.repository-name",
                "a repository's name of at most 256 characters, in lower case",
                is_repository,
            )?,
            digest: match source {
                Source::PullThroughCache => self.optional(digest, want, is_digest)?,
                _ => Some(self.text(digest, want, is_digest)?),
            },
            tag: self.optional(
                "detail.image-tag",
                "a tag of at most 128 letters, digits, and . _ -, or none",
                is_tag,
            )?,
            manifest_media_type: self.optional(
                "detail.manifest-media-type",
                "a media type of at most 255 characters, or none",
                is_media_type,
            )?,
            artifact_media_type: self.optional(
                "detail.artifact-media-type",
                "a media type of at most 255 characters, or none",
                is_media_type,
            )?,
        };
        if image.digest.is_none() && image.tag.is_none() {
            return Err(self.refuse(digest, "a digest where there is no tag"));
        }
        Ok(image)
    }

    fn get(&self, field: &str) -> &Value {
        match field.split_once('.') {
            Some((outer, inner)) => &self.0[outer][inner],
            None => &self.0[field],
        }
    }

    fn refuse(&self, field: &'static str, want: &'static str) -> InvalidEvent {
        let got = match self.get(field) {
            Value::Null => "nothing".to_owned(),
            // JSON escapes anything that would break a log line.
            value => {
                let text = value.to_string();
                let mut quoted: String = text.chars().take(MAX_QUOTED).collect();
                if quoted.len() < text.len() {
                    quoted.push('…');
                }
                quoted
            }
        };
        InvalidEvent { field, got, want }
    }

    fn equal(&self, field: &'static str, want: &'static str) -> Result<(), InvalidEvent> {
        if self.get(field).as_str() == Some(want) {
            return Ok(());
        }
        Err(self.refuse(field, want))
    }

    fn text(
        &self,
        field: &'static str,
        want: &'static str,
        sound: impl Fn(&str) -> bool,
    ) -> Result<String, InvalidEvent> {
        let text = self.get(field).as_str().filter(|text| sound(text));
        text.map(str::to_owned)
            .ok_or_else(|| self.refuse(field, want))
    }

    /// Reads a string that may be missing or empty.
    fn optional(
        &self,
        field: &'static str,
        want: &'static str,
        sound: impl Fn(&str) -> bool,
    ) -> Result<Option<String>, InvalidEvent> {
        match self.get(field) {
            Value::Null => Ok(None),
            Value::String(text) if text.is_empty() => Ok(None),
            _ => self.text(field, want, sound).map(Some),
        }
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_region(text: &str) -> bool {
    let word = |word: &str| {
        let sound = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        !word.is_empty() && word.bytes().all(sound)
    };
    text.len() <= 32 && text.contains('-') && text.split('-').all(word)
}

fn is_media_type(text: &str) -> bool {
    text.len() <= 255 && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event() -> Value {
        json!({
            "version": "0",
            "id": "13cde686-328b-6117-af20-0e5566167482",
            "source": "aws.ecr",
            "detail-type": "ECR Image Action",
            "account": "123456789012",
            "region": "eu-west-1",
            "time": "2026-01-02T03:04:05Z",
            "resources": [],
            "detail": {
                "result": "SUCCESS",
                "action-type": "PUSH",
                "repository-name": "shop/web",
                "image-digest": format!("sha256:{}", "0".repeat(64)),
                "image-tag": "1.4",
            },
        })
    }

    fn with(field: &str, value: Value) -> Result<PushEvent, InvalidEvent> {
        let mut event = event();
        let place = match field.split_once('.') {
            Some((outer, inner)) => &mut event[outer][inner],
            None => &mut event[field],
        };
        *place = value;
        PushEvent::parse(&event.to_string())
    }

    #[test]
    fn a_push_is_read() {
        let push = PushEvent::parse(&event().to_string()).unwrap();
        assert_eq!(push.image(), "shop/web:1.4");
        assert_eq!(
            (push.account.as_str(), push.region.as_str()),
            ("123456789012", "eu-west-1")
        );
        for none in [json!(null), json!("")] {
            let push = with("detail.image-tag", none).unwrap();
            assert_eq!(push.tag, None);
            assert!(push.image().starts_with("shop/web@sha256:0000"));
        }
    }

    #[test]
    fn every_value_is_checked_as_a_whole() {
        let long = "a".repeat(300);
        for (field, wrong) in [
            ("source", json!("aws.ec2")),
            ("source", json!(["aws.ecr"])),
            ("detail-type", json!("ECR Image Scan")),
            ("detail.action-type", json!("DELETE")),
            ("detail.result", json!("FAILURE")),
            ("detail", json!("PUSH")),
            ("account", json!(123_456_789_012_u64)),
            ("account", json!("1234567890123")),
            ("account", json!("12345678901٢")),
            ("account", json!("evil.test/123456789012")),
            ("region", json!("eu-west-1.evil.test/")),
            ("region", json!("eu-west-1\n")),
            ("region", json!(null)),
            ("region", json!("eu--1")),
            ("detail.repository-name", json!("")),
            ("detail.repository-name", json!("Web")),
            ("detail.repository-name", json!("../web")),
            ("detail.repository-name", json!("web/")),
            ("detail.repository-name", json!("a//b")),
            ("detail.repository-name", json!("-a")),
            ("detail.repository-name", json!("a..b")),
            ("detail.repository-name", json!("a@evil.test")),
            ("detail.repository-name", json!("a:b")),
            ("detail.repository-name", json!("a b")),
            ("detail.repository-name", json!(long)),
            ("detail.image-digest", json!("sha256:00")),
            (
                "detail.image-digest",
                json!(format!("sha256:{}", "A".repeat(64))),
            ),
            ("detail.image-tag", json!("-a")),
            ("detail.image-tag", json!("a/../b")),
            ("detail.image-tag", json!("a".repeat(129))),
            ("detail.image-tag", json!(7)),
            ("detail.artifact-media-type", json!("a\nb")),
        ] {
            let error = with(field, wrong.clone()).expect_err(&format!("{field}: {wrong}"));
            let text = error.to_string();
            assert!(text.contains("want") && text.len() < 400, "{text}");
            assert!(!text.contains('\n'), "{text}");
        }
    }

    #[test]
    fn images_come_in_other_ways() {
        let mut replicated = event();
        replicated["detail-type"] = json!("ECR Replication Action");
        replicated["detail"]["action-type"] = json!("REPLICATE");
        replicated["detail"]["source-region"] = json!("us-west-2");
        replicated["detail"]["source-account"] = json!("123456789012");
        let image = PushEvent::parse(&replicated.to_string()).unwrap();
        assert_eq!(
            (image.source, image.image()),
            (Source::Replication, "shop/web:1.4".to_owned())
        );
        replicated["detail"]["result"] = json!("FAILED");
        let error = PushEvent::parse(&replicated.to_string()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "event: detail.result: got \"FAILED\", want SUCCESS"
        );

        let mut cached = event();
        cached["detail-type"] = json!("ECR Pull Through Cache Action");
        let digest = cached["detail"]["image-digest"].clone();
        cached["detail"] = json!({
            "rule-version": "1",
            "sync-status": "SUCCESS",
            "ecr-repository-prefix": "docker-hub",
            "repository-name": "docker-hub/alpine",
            "upstream-registry-url": "public.ecr.aws",
            "image-tag": "3.17.2",
            "image-digest": digest,
        });
        let parse = |event: &Value| PushEvent::parse(&event.to_string());
        let image = parse(&cached).unwrap();
        assert_eq!(image.source, Source::PullThroughCache);
        assert_eq!(image.digest.as_deref(), digest.as_str());
        // Either may be missing.
        cached["detail"]["image-digest"] = json!(null);
        assert_eq!(parse(&cached).unwrap().digest, None);
        cached["detail"]["image-tag"] = json!(null);
        let error = parse(&cached).unwrap_err().to_string();
        assert!(
            error.ends_with("got nothing, want a digest where there is no tag"),
            "{error}"
        );
        cached["detail"]["image-digest"] = digest;
        assert!(
            parse(&cached)
                .unwrap()
                .image()
                .starts_with("docker-hub/alpine@sha256:")
        );
        cached["detail"]["sync-status"] = json!("FAILURE");
        let error = parse(&cached).unwrap_err().to_string();
        assert_eq!(
            error,
            "event: detail.sync-status: got \"FAILURE\", want SUCCESS"
        );
    }

    #[test]
    fn an_event_is_written_as_it_is_read() {
        let mut push = PushEvent::parse(&event().to_string()).unwrap();
        assert_eq!(push.id(), "00000000-0000-0000-0000-000000000000");
        push.artifact_media_type = Some("application/vnd.oci.image.config.v1+json".to_owned());
        let id = "13cde686-328b-6117-af20-0e5566167482";
        let written = push.to_json(id, "2026-01-02T03:04:05Z");
        assert_eq!(PushEvent::parse(&written.to_string()), Ok(push.clone()));
        push.artifact_media_type = None;
        assert_eq!(push.to_json(id, "2026-01-02T03:04:05Z"), event());
        push.tag = None;
        let written = push.to_json("", "").to_string();
        assert_eq!(PushEvent::parse(&written), Ok(push));
    }

    #[test]
    fn an_event_has_bounds() {
        let error = PushEvent::parse(&" ".repeat(MAX_EVENT + 1)).unwrap_err();
        assert!(error.to_string().contains("got 262145 bytes"), "{error}");
        assert!(PushEvent::parse("[1").is_err());
        assert!(PushEvent::parse("null").is_err());
    }
}
