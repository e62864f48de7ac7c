//! The attributes of `soci_index`.

use lambda::limits::{MAX_SPAN_SIZE, MIN_SPAN_SIZE};
use soci::Version;
use tfplugin_sdk::{Attribute, Nesting, Schema, Type, timeouts, validators};

use super::settings::{REVISION_HISTORY_LIMIT, parse_image};
use super::validate;
use crate::index_options::{check_optimizations, check_platforms, check_prefetch_files};

pub(super) fn schema() -> Schema {
    let tag = tag("Tag of the SOCI-enabled image, in the repository of the image; only for `V2`.");
    options(Schema::new(), image(), tag.computed())
        .description(
            "Builds the SOCI index of a container image in a registry and publishes it beside \
             the image, so that container hosts can start the image before it is fully \
             downloaded.",
        )
        .identity(["image", "index_version", "tag"])
        .identity_version(1)
        .mutable_identity()
        .attribute(
            "triggers",
            Attribute::map(Type::String).optional().description(
                "Arbitrary map of values. When one changes, the index is updated, and the image's \
                 tag is resolved during the apply instead of the plan. Use it for an image that \
                 is pushed by the same apply.",
            ),
        )
        .attribute("revision_history_limit", revision_history_limit())
        .attribute(
            "keep_on_destroy",
            Attribute::bool().default(false).inert().description(
                "Whether to leave the index in the registry when the resource is destroyed. \
                 Default: `false`.",
            ),
        )
        .attribute(
            "id",
            Attribute::string().computed().description(
                "Index version and image, such as `V2/registry.example.com/app:1.0`, followed by a \
                 comma and `tag` if it is not the default. Also the import ID.",
            ),
        )
        .attribute(
            "source_digest",
            computed_string("Digest of the image that was indexed."),
        )
        .attribute(
            "digest",
            computed_string(
                "Digest of the SOCI-enabled image (`V2`), or of the SOCI index of the first \
                 indexed platform (`V1`). Null if no layer was indexed.",
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
                "Whether any layer was indexed. False if every layer is smaller than \
                 `min_layer_size` or cannot be loaded lazily.",
            ),
        )
        .attribute("indexes", indexes())
        .block(
            "timeouts",
            timeouts::block(["create", "read", "update", "delete"]),
        )
}

/// Adds the arguments that determine an index.
pub(super) fn options(schema: Schema, image: Attribute, tag: Attribute) -> Schema {
    schema
        .attribute("image", image)
        .attribute("index_version", index_version())
        .attribute("tag", tag)
        .attribute("platforms", platforms())
        .attribute("span_size", span_size())
        .attribute("min_layer_size", min_layer_size())
        .attribute("prefetch_files", prefetch_files())
        .attribute("optimizations", optimizations())
        .attribute("multi_member_layers", multi_member_layers())
        .attribute("oci_layer_types", oci_layer_types())
}

pub(super) fn image() -> Attribute {
    Attribute::string()
        .required()
        .validate(validators::string(|text| parse_image(text).map(drop)))
        .description(
            "The image to index, as `host/repository:tag` or `host/repository@sha256:…`. A tag is \
             resolved at each refresh; if it has moved, the index is updated. If this argument \
             changes, `revision_history_limit` decides whether the index of the previous image is \
             kept.",
        )
}

pub(super) fn index_version() -> Attribute {
    Attribute::string()
        .default(Version::V2.name())
        .validate(validators::one_of([Version::V1.name(), Version::V2.name()]))
        .description(
            "Version of the index. `V2` (the default) publishes a SOCI-enabled image, which carries \
             its index and has a tag of its own. `V1` publishes an index that refers to the image \
             and leaves the image unchanged.",
        )
}

pub(super) fn tag(what: &str) -> Attribute {
    Attribute::string()
        .optional()
        .validate(validators::string(validate::check_tag))
        .description(format!(
            "{what} 1 to 128 letters, digits, `_`, `.` and `-`. Default: the image's tag followed by \
             `-soci`; none if `image` has a digest but no tag."
        ))
}

fn platforms() -> Attribute {
    check_platforms(Attribute::set(Type::String).optional()).description(
        "The platforms to index, as `os/architecture` or `os/architecture/variant`, such as \
             `linux/arm64`. The image must have each of them. Default: all platforms of the image.",
    )
}

fn span_size() -> Attribute {
    Attribute::number()
        .default(4 << 20)
        .validate(validators::number_range(
            MIN_SPAN_SIZE as i64..=MAX_SPAN_SIZE as i64,
        ))
        .description(
            "Span size in bytes of decompressed data, the granularity at which layers can be read: \
             65536 (64 KiB) to 1073741824 (1 GiB). Smaller spans make the index larger. Default: \
             4194304 (4 MiB).",
        )
}

fn min_layer_size() -> Attribute {
    Attribute::number()
        .default(10 << 20)
        .validate(validators::number_range(0..=i64::MAX))
        .description(
            "Layers with fewer compressed bytes are not indexed: downloading them whole is faster. \
             0 or more. Default: 10485760 (10 MiB).",
        )
}

fn prefetch_files() -> Attribute {
    check_prefetch_files(Attribute::set(Type::String).optional()).description(
        "Files in the image, such as `/usr/bin/app`, that container hosts prefetch before anything \
             reads them. At most 1000. Default: none.",
    )
}

fn optimizations() -> Attribute {
    check_optimizations(Attribute::set(Type::String).optional()).description(
        "Optimizations to enable. `xattr` marks layers without extended attributes, so that \
             container hosts do not look for them. Default: none.",
    )
}

// A default would change resources from before these arguments existed.

fn multi_member_layers() -> Attribute {
    Attribute::bool().optional().description(
        "Whether to index layers with several gzip members, such as those of eStargz and bgzip. \
         soci-snapshotter before v0.14.0 reads such layers incorrectly: set this only if every \
         container host runs v0.14.0 or later. If not set, they are downloaded whole. Default: \
         `false`.",
    )
}

fn revision_history_limit() -> Attribute {
    Attribute::number()
        .optional()
        .inert()
        .validate(validators::number_range(0..=100))
        .description(format!(
            "Number of earlier indexes to keep in the registry when the image or an option \
             changes, so that running workloads can still pull theirs and a rollback reads no \
             layer again. 0 to 100. Default: {REVISION_HISTORY_LIMIT}."
        ))
}

fn oci_layer_types() -> Attribute {
    Attribute::bool().optional().description(
        "Whether to convert Docker layer media types to OCI in the SOCI-enabled image; only for \
         `V2`. Otherwise layers keep Docker's, as in the reference implementation, which some \
         tools reject in an OCI manifest. Default: `false`.",
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
            ("manifest_digest", text("Digest of the platform's image manifest; for `V2`, of the rewritten one that carries the index.")),
            ("digest", text("Digest of the SOCI index.")),
            ("size", number("Size of the SOCI index manifest in bytes.")),
            ("ztoc_count", number("Number of indexed layers.")),
            ("skipped_layers", number("Number of layers that are not indexed.")),
        ],
    )
    .computed()
    .description("The SOCI indexes, one for each platform that has indexed layers.")
}
