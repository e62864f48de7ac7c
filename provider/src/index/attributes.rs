//! The attributes of `soci_index`.

use serde::{Deserialize, Serialize};
use soci::{ImageReference, Report, Version};
use tfplugin_sdk::{Attribute, Diagnostic, Nesting, Schema, Value, timeouts, validators};

use super::record;
use crate::diagnose::diagnose;

/// A span may not be smaller: each costs 32 KiB in the zTOC.
const MIN_SPAN_SIZE: i64 = 64 << 10;
const MAX_SPAN_SIZE: i64 = 1 << 30;

pub(super) fn schema() -> Schema {
    Schema::new()
        .description(
            "Builds the SOCI index of a container image in a registry and publishes it beside \
             the image, so that container hosts can start the image before all of it is there.",
        )
        .attribute("image", image())
        .attribute(
            "index_version",
            Attribute::string()
                .default(Version::V2.name())
                .requires_replace()
                .validate(validators::one_of([Version::V1.name(), Version::V2.name()]))
                .description(
                    "Version of the index. `V2` (the default) publishes a SOCI-enabled image, \
                     which carries its index and is tagged `<tag>-soci`. `V1` publishes an index \
                     that refers to the image and leaves the image as it is.",
                ),
        )
        .attribute(
            "span_size",
            Attribute::number()
                .default(4 << 20)
                .validate(validators::number_range(MIN_SPAN_SIZE..=MAX_SPAN_SIZE))
                .description(
                    "How many bytes of a decompressed layer lie between two points at which \
                     reading can start. Default: 4194304 (4 MiB).",
                ),
        )
        .attribute(
            "min_layer_size",
            Attribute::number()
                .default(10 << 20)
                .validate(validators::number_range(0..=i64::MAX))
                .description(
                    "Layers of fewer compressed bytes are left out of the index: it is faster to \
                     download them whole. Default: 10485760 (10 MiB).",
                ),
        )
        .attribute(
            "id",
            Attribute::string().computed().description(
                "The version of the index and the image, such as \
                 `V2/registry.example.com/app:1.0`. The id to import by.",
            ),
        )
        .attribute(
            "source_digest",
            Attribute::string()
                .computed()
                .description("Digest of the image that was indexed."),
        )
        .attribute(
            "digest",
            Attribute::string().computed().description(
                "Digest of the SOCI-enabled image (`V2`), or of the SOCI index of the image's \
                 first indexed platform (`V1`). Null if no layer was indexed.",
            ),
        )
        .attribute(
            "image_uri",
            Attribute::string().computed().description(
                "The image to deploy, pinned by digest: the SOCI-enabled image (`V2`), or the \
                 image itself (`V1`, or no layer indexed).",
            ),
        )
        .attribute(
            "indexed",
            Attribute::bool().computed().description(
                "Whether any layer was indexed. Not, if all layers are smaller than \
                 `min_layer_size` or cannot be read lazily.",
            ),
        )
        .attribute("indexes", indexes())
        .block(
            "timeouts",
            timeouts::block(["create", "read", "update", "delete"]),
        )
}

fn image() -> Attribute {
    Attribute::string()
        .required()
        .requires_replace()
        .validate(validators::string(|text| {
            text.parse::<ImageReference>()
                .map(drop)
                .map_err(|error| diagnose("reading", &format!("{text:?}"), &error))
        }))
        .description(
            "The image to index, as `host/repository:tag` or `host/repository@sha256:…`. A tag is \
             looked up at each plan; when it has moved, the index is built anew.",
        )
}

fn indexes() -> Attribute {
    let text = |description: &str| {
        Attribute::string()
            .computed()
            .description(description.to_owned())
    };
    let number = |description: &str| {
        Attribute::number()
            .computed()
            .description(description.to_owned())
    };
    Attribute::nested(
        Nesting::List,
        [
            ("platform", text("The platform, such as `linux/arm64`.")),
            ("manifest_digest", text("Digest of the platform's image manifest; for `V2`, of the one that carries the index.")),
            ("digest", text("Digest of the SOCI index.")),
            ("size", number("Size of the SOCI index's manifest in bytes.")),
            ("ztoc_count", number("How many layers are indexed.")),
            ("skipped_layers", number("How many layers are not.")),
        ],
    )
    .computed()
    .description("The SOCI indexes, one for each platform that has indexed layers.")
}

/// What the configuration asks for.
pub(super) struct Settings {
    pub image: ImageReference,
    pub version: Version,
    pub span_size: u64,
    pub min_layer_size: u64,
}

#[derive(Deserialize)]
struct Arguments {
    image: String,
    index_version: Option<String>,
    span_size: Option<u64>,
    min_layer_size: Option<u64>,
}

impl Settings {
    /// The settings in a planned or stored state.
    pub(super) fn read(state: &Value) -> Result<Self, Diagnostic> {
        // Whatever is computed may be unknown; only the arguments are looked at.
        let arguments = ["image", "index_version", "span_size", "min_layer_size"];
        let arguments = Value::object(arguments.map(|name| (name, state.get(name).clone())));
        let arguments: Arguments = arguments
            .to()
            .map_err(|error| Diagnostic::error("Unknown argument", error.to_string()))?;
        let image = arguments
            .image
            .parse()
            .map_err(|error| diagnose("reading", &arguments.image, &error))?;
        let defaults = soci::Options::default();
        Ok(Self {
            image,
            version: match arguments.index_version.as_deref() {
                Some("V1") => Version::V1,
                _ => Version::V2,
            },
            span_size: arguments.span_size.unwrap_or(defaults.ztoc.span_size),
            min_layer_size: arguments.min_layer_size.unwrap_or(defaults.min_layer_size),
        })
    }

    pub(super) fn id(&self) -> String {
        format!("{}/{}", self.version.name(), self.image)
    }

    /// What the image's reference names it by: its digest, or else its tag.
    pub(super) fn source_name(&self) -> String {
        match self.image.digest() {
            Some(digest) => digest.to_string(),
            None => self.image.tag().unwrap_or("latest").to_owned(),
        }
    }

    /// The tag of the SOCI-enabled image; none for an image that has none.
    pub(super) fn output_tag(&self) -> Option<String> {
        if self.version == Version::V1 || self.image.digest().is_some() {
            return None;
        }
        self.image.tag().map(|tag| format!("{tag}-soci"))
    }
}

/// A tag's length is limited, and the SOCI-enabled image's is longer than the image's.
pub(super) fn check_tag_length(config: &Value) -> Result<(), Diagnostic> {
    const MAX_TAG: usize = 128;
    let Ok(settings) = Settings::read(config) else {
        // Something is unknown, or wrong in a way that is reported elsewhere.
        return Ok(());
    };
    match settings.output_tag() {
        Some(tag) if tag.len() > MAX_TAG => {
            let detail = format!(
                "The SOCI-enabled image of {} would be tagged {tag:?}, which is longer than the \
                 {MAX_TAG} characters that a tag may have. Use a shorter tag, or refer to the \
                 image by its digest.",
                settings.image
            );
            Err(Diagnostic::error("Tag too long", detail).at("image"))
        }
        _ => Ok(()),
    }
}

/// One element of `indexes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IndexLine {
    pub platform: String,
    pub manifest_digest: String,
    pub digest: String,
    pub size: u64,
    pub ztoc_count: usize,
    pub skipped_layers: usize,
}

/// The computed attributes of an image that was indexed.
pub(super) fn set_built(
    state: &mut Value,
    settings: &Settings,
    report: &Report,
) -> Result<(), Diagnostic> {
    let lines: Vec<IndexLine> = report
        .indexes
        .iter()
        .filter_map(|index| {
            Some(IndexLine {
                platform: index.platform.clone(),
                manifest_digest: index.manifest.to_string(),
                digest: index.digest?.to_string(),
                size: index.size,
                ztoc_count: index.ztocs.len(),
                skipped_layers: index.skipped.len(),
            })
        })
        .collect();
    let digest = record::digest(report).map(|digest| digest.to_string());
    let deploy = report.digest.unwrap_or(report.source.digest);
    state.set("id", settings.id());
    state.set("source_digest", report.source.digest.to_string());
    state.set("digest", digest);
    state.set("image_uri", format!("{}@{deploy}", settings.image.name()));
    state.set("indexed", !lines.is_empty());
    set_lines(state, &lines)
}

pub(super) fn set_lines(state: &mut Value, lines: &[IndexLine]) -> Result<(), Diagnostic> {
    let lines = Value::from_serialize(&lines)
        .map_err(|error| Diagnostic::error("Indexes not representable", error.to_string()))?;
    state.set("indexes", lines);
    Ok(())
}
