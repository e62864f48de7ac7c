//! The attributes of `soci_index`.

use serde::{Deserialize, Serialize};
use soci::oci::Platform;
use soci::{Digest, ImageReference, Report, Version};
use tfplugin_sdk::{Attribute, Diagnostic, Nesting, Schema, Type, Value, timeouts, validators};

use super::settings::{self, Settings};
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
        .attribute("image", image().requires_replace())
        .attribute("index_version", index_version().requires_replace())
        .attribute(
            "tag",
            tag("Tag of the SOCI-enabled image, in the repository of the image; only for `V2`."),
        )
        .attribute("platforms", platforms())
        .attribute("span_size", span_size())
        .attribute("min_layer_size", min_layer_size())
        .attribute("prefetch_files", prefetch_files())
        .attribute("optimizations", optimizations())
        .attribute(
            "triggers",
            Attribute::map(Type::String).optional().description(
                "Any values. When one changes, what the image's tag names is looked up while \
                 applying, not before, and the index is updated: for an image that is pushed by \
                 the same apply.",
            ),
        )
        .attribute(
            "keep_on_destroy",
            Attribute::bool().default(false).inert().description(
                "Whether to leave the index in the registry when the resource is destroyed or \
                 replaced. Default: `false`.",
            ),
        )
        .attribute(
            "id",
            Attribute::string().computed().description(
                "The version of the index and the image, such as \
                 `V2/registry.example.com/app:1.0`; with a `tag` that is not the default one, that \
                 follows after a comma. The id to import by.",
            ),
        )
        .attribute(
            "source_digest",
            computed_string("Digest of the image that was indexed."),
        )
        .attribute(
            "digest",
            computed_string(
                "Digest of the SOCI-enabled image (`V2`), or of the SOCI index of the image's \
                 first indexed platform (`V1`). Null if no layer was indexed.",
            ),
        )
        .attribute(
            "image_uri",
            computed_string(
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

pub(super) fn image() -> Attribute {
    Attribute::string()
        .required()
        .validate(validators::string(|text| {
            text.parse::<ImageReference>()
                .map(drop)
                .map_err(|error| diagnose("reading", &format!("{text:?}"), &error))
        }))
        .description(
            "The image to index, as `host/repository:tag` or `host/repository@sha256:…`. A tag is \
             looked up at each refresh; when it has moved, the index is updated.",
        )
}

pub(super) fn index_version() -> Attribute {
    Attribute::string()
        .default(Version::V2.name())
        .validate(validators::one_of([Version::V1.name(), Version::V2.name()]))
        .description(
            "Version of the index. `V2` (the default) is a SOCI-enabled image, which carries its \
             index and has a tag of its own. `V1` is an index that refers to the image and leaves \
             the image as it is.",
        )
}

pub(super) fn tag(what: &str) -> Attribute {
    Attribute::string()
        .optional()
        .computed()
        .validate(validators::string(settings::check_tag))
        .description(format!(
            "{what} 1 to 128 letters, digits, `_`, `.` and `-`. Default: the image's tag with \
             `-soci` behind it; none for an image that is given by its digest."
        ))
}

fn platforms() -> Attribute {
    Attribute::set(Type::String)
        .optional()
        .validate(|value: &Value| match value.as_list() {
            Some([]) => Err(settings::invalid_platform("no platform at all")),
            _ => Ok(()),
        })
        .validate(validators::each(validators::string(|text| {
            let platform = text.parse::<Platform>();
            platform.map(drop).map_err(settings::invalid_platform)
        })))
        .description(
            "The platforms to index, as `os/architecture` or `os/architecture/variant`, such as \
             `linux/arm64`. Each must be in the image. Default: all that the image has.",
        )
}

fn span_size() -> Attribute {
    Attribute::number()
        .default(4 << 20)
        .validate(validators::number_range(MIN_SPAN_SIZE..=MAX_SPAN_SIZE))
        .description(
            "How many bytes of a decompressed layer lie between two points at which reading can \
             start: 65536 (64 KiB) to 1073741824 (1 GiB). Smaller spans make an index larger. \
             Default: 4194304 (4 MiB).",
        )
}

fn min_layer_size() -> Attribute {
    Attribute::number()
        .default(10 << 20)
        .validate(validators::number_range(0..=i64::MAX))
        .description(
            "Layers of fewer compressed bytes are left out of the index: it is faster to \
             download them whole. 0 or more; default: 10485760 (10 MiB).",
        )
}

fn prefetch_files() -> Attribute {
    Attribute::set(Type::String)
        .optional()
        .validate(validators::length(0..=1000))
        .validate(validators::each(validators::string(settings::check_file)))
        .description(
            "Files of the image, such as `/usr/bin/app`, that container hosts are to fetch before \
             anything asks for them. At most 1000. Default: none.",
        )
}

fn optimizations() -> Attribute {
    Attribute::set(Type::String)
        .optional()
        .validate(validators::each(validators::one_of(["xattr"])))
        .description(
            "Optimizations to turn on. `xattr` marks layers without extended attributes, so that \
             container hosts do not look for any. Default: none.",
        )
}

fn computed_string(description: &str) -> Attribute {
    Attribute::string().computed().description(description)
}

pub(super) fn indexes() -> Attribute {
    let text = computed_string;
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

/// The computed attributes of an image that was indexed, or was to be.
pub(super) struct Shown {
    pub source: Digest,
    /// The SOCI-enabled image (V2).
    pub enabled: Option<Digest>,
    pub lines: Vec<IndexLine>,
}

impl Shown {
    pub(super) fn of(report: &Report) -> Self {
        let lines = report.indexes.iter().filter_map(|index| {
            Some(IndexLine {
                platform: index.platform.clone(),
                manifest_digest: index.manifest.to_string(),
                digest: index.digest?.to_string(),
                size: index.size,
                ztoc_count: index.ztocs.len(),
                skipped_layers: index.skipped.len(),
            })
        });
        Self {
            source: report.source.digest,
            enabled: report.digest,
            lines: lines.collect(),
        }
    }

    /// Puts it into a state. The `id` stays.
    pub(super) fn set(&self, state: &mut Value, settings: &Settings) -> Result<(), Diagnostic> {
        let first = self.lines.first().map(|line| line.digest.clone());
        let enabled = self.enabled.map(|digest| digest.to_string());
        let deploy = self.enabled.unwrap_or(self.source);
        state.set("source_digest", self.source.to_string());
        state.set("digest", enabled.or(first));
        state.set("image_uri", format!("{}@{deploy}", settings.image.name()));
        set_lines(state, &self.lines)
    }
}

pub(super) fn set_lines(state: &mut Value, lines: &[IndexLine]) -> Result<(), Diagnostic> {
    let lines = Value::from_serialize(&lines)
        .map_err(|error| Diagnostic::error("Indexes not representable", error.to_string()))?;
    state.set("indexes", lines);
    Ok(())
}
