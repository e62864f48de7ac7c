//! Arguments of a configuration, converted for the library.

use serde::Deserialize;
use soci::{ImageReference, Options, Version};
use tfplugin_sdk::{Diagnostic, Value};

use crate::diagnose::diagnose;
use crate::index_options::invalid_platform;

/// Default number of earlier builds that an update keeps, as in a Kubernetes Deployment: several
/// releases may fail in a row while an earlier one is running.
pub(super) const REVISION_HISTORY_LIMIT: usize = 10;

/// The image, the options of its index, and the destination.
pub(super) struct Settings {
    pub image: ImageReference,
    pub version: Version,
    /// The tag of the SOCI-enabled image; `None` for V1 and for an untagged image.
    pub tag: Option<String>,
    pub options: Options,
    /// Number of earlier builds that an update keeps.
    pub revision_history_limit: usize,
}

/// The arguments that determine the index. Everything else in a plan may be unknown.
#[derive(Deserialize)]
struct Arguments {
    image: String,
    index_version: Option<String>,
    tag: Option<String>,
    platforms: Option<Vec<String>>,
    span_size: Option<u64>,
    min_layer_size: Option<u64>,
    prefetch_files: Option<Vec<String>>,
    optimizations: Option<Vec<String>>,
    multi_member_layers: Option<bool>,
    oci_layer_types: Option<bool>,
    revision_history_limit: Option<usize>,
}

const ARGUMENTS: [&str; 11] = [
    "image",
    "index_version",
    "tag",
    "platforms",
    "span_size",
    "min_layer_size",
    "prefetch_files",
    "optimizations",
    "multi_member_layers",
    "oci_layer_types",
    "revision_history_limit",
];

/// Parses the reference of an image. The diagnostic quotes it without the credentials of a URL.
pub(super) fn parse_image(text: &str) -> Result<ImageReference, Diagnostic> {
    text.parse().map_err(|error: soci::InvalidReference| {
        diagnose("reading", &format!("{:?}", error.reference), &error.into())
    })
}

impl Settings {
    /// Reads the settings from a configuration, plan or state. Fails if one is not known yet.
    pub(super) fn read(from: &Value) -> Result<Self, Diagnostic> {
        let arguments = Value::object(ARGUMENTS.map(|name| (name, from.get(name).clone())));
        let arguments: Arguments = arguments
            .to()
            .map_err(|error| Diagnostic::error("Unknown argument", error.to_string()))?;
        let image = parse_image(&arguments.image)?;
        let version = version(arguments.index_version.as_deref());
        let mut options = Options::default().with_version(version);
        for platform in arguments.platforms.unwrap_or_default() {
            let platform = platform.parse().map_err(invalid_platform)?;
            options.platforms.push(platform);
        }
        if let Some(size) = arguments.span_size {
            options.ztoc.span_size = size;
        }
        if let Some(size) = arguments.min_layer_size {
            options.min_layer_size = size;
        }
        options.ztoc.prefetch_files = arguments.prefetch_files.unwrap_or_default();
        let optimizations = arguments.optimizations.unwrap_or_default();
        options.optimize_xattrs = optimizations.iter().any(|name| name == "xattr");
        options.multi_member_layers = arguments.multi_member_layers.unwrap_or_default();
        options.oci_layer_types = arguments.oci_layer_types.unwrap_or_default();
        let tag = match version {
            Version::V1 => None,
            Version::V2 => arguments.tag.or_else(|| default_tag(&image)),
        };
        Ok(Self {
            image,
            version,
            tag,
            options,
            revision_history_limit: arguments
                .revision_history_limit
                .unwrap_or(REVISION_HISTORY_LIMIT),
        })
    }

    /// Returns the import ID.
    pub(super) fn id(&self) -> String {
        let id = format!("{}/{}", self.version.name(), self.image);
        match &self.tag {
            Some(tag) if Some(tag) != default_tag(&self.image).as_ref() => format!("{id},{tag}"),
            _ => id,
        }
    }

    /// Returns the digest of the image's reference, or else its tag.
    pub(super) fn source_name(&self) -> String {
        match self.image.digest() {
            Some(digest) => digest.to_string(),
            None => self.image.tag().unwrap_or("latest").to_owned(),
        }
    }

    /// Returns everything other than the image that determines the bytes of an index. Builds of the
    /// same image with the same recipe have the same digests.
    pub(super) fn recipe(&self) -> String {
        let options = &self.options;
        let mut platforms: Vec<String> =
            options.platforms.iter().map(ToString::to_string).collect();
        platforms.sort();
        let mut files = options.ztoc.prefetch_files.clone();
        files.sort();
        let mut recipe = format!(
            "soci {} {} span {} min {} platforms {platforms:?} prefetch {files:?} xattr {} by {:?}",
            env!("CARGO_PKG_VERSION"),
            self.version.name(),
            options.ztoc.span_size,
            options.min_layer_size,
            options.optimize_xattrs,
            options.ztoc.build_tool,
        );
        // Recipes from before these options existed must not change.
        if options.multi_member_layers {
            recipe.push_str(" multi-member");
        }
        if options.oci_layer_types {
            recipe.push_str(" oci-layer-types");
        }
        recipe
    }
}

/// Returns the index version with this name, or the default one.
pub(super) fn version(name: Option<&str>) -> Version {
    match name {
        Some("V1") => Version::V1,
        _ => Version::V2,
    }
}

/// Returns the tag of the SOCI-enabled image if the configuration has none.
pub(super) fn default_tag(image: &ImageReference) -> Option<String> {
    image.tag().map(|tag| format!("{tag}-soci"))
}

/// Returns the default of `tag` in a plan, which is unknown while it depends on unknown values.
pub(super) fn planned_tag(planned: &Value) -> Value {
    let (image, version_name) = (planned.get("image"), planned.get("index_version"));
    if version_name.as_str() == Some(Version::V1.name()) {
        return Value::Null;
    }
    if image.is_unknown() || version_name.is_unknown() {
        return Value::Unknown;
    }
    let image = image.as_str().and_then(|image| image.parse().ok());
    image.as_ref().and_then(default_tag).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(arguments: &[(&str, &str)]) -> Settings {
        let arguments = arguments
            .iter()
            .map(|(name, value)| (*name, (*value).into()));
        Settings::read(&Value::object(arguments)).expect("valid")
    }

    /// A value that is only known in an apply has not been validated by the plan.
    #[test]
    fn credentials_in_a_url_are_not_quoted() {
        let image = Value::object([("image", "https://u:secret@r.test/a:1".into())]);
        let error = Settings::read(&image).err().expect("a URL");
        assert!(
            error.detail.contains("https://r.test/a:1"),
            "{}",
            error.detail
        );
        assert!(!error.detail.contains("secret"), "{}", error.detail);
    }

    #[test]
    fn ids_name_the_tag_where_it_is_not_the_default() {
        let digest = format!("r.test/a@sha256:{}", "0".repeat(64));
        let tagged = format!("V2/{digest},x");
        for (image, version, tag, want) in [
            ("r.test/a:1", "V2", None, "V2/r.test/a:1"),
            ("r.test/a:1", "V2", Some("1-soci"), "V2/r.test/a:1"),
            ("r.test/a:1", "V2", Some("x"), "V2/r.test/a:1,x"),
            ("r.test/a:1", "V1", None, "V1/r.test/a:1"),
            (&digest, "V2", Some("x"), &tagged),
        ] {
            let mut arguments = vec![("image", image), ("index_version", version)];
            arguments.extend(tag.map(|tag| ("tag", tag)));
            assert_eq!(settings(&arguments).id(), want);
        }
    }

    #[test]
    fn a_recipe_does_not_depend_on_order() {
        let of = |files: [&str; 2]| {
            let files: Vec<Value> = files.map(Value::from).to_vec();
            let arguments = [
                ("image", "a".into()),
                ("prefetch_files", Value::List(files)),
            ];
            Settings::read(&Value::object(arguments))
                .expect("valid")
                .recipe()
        };
        assert_eq!(of(["a", "b"]), of(["b", "a"]));
        assert_ne!(of(["a", "b"]), of(["a", "c"]));
    }

    #[test]
    fn a_recipe_names_every_option() {
        let of = |name, value| {
            let arguments = [("image", "a".into()), (name, value)];
            Settings::read(&Value::object(arguments))
                .expect("valid")
                .recipe()
        };
        let default = of("tag", Value::Null);
        for name in ["multi_member_layers", "oci_layer_types"] {
            assert_ne!(of(name, true.into()), default, "{name}");
            assert_eq!(of(name, false.into()), default, "{name}");
        }
    }
}
