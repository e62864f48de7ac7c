//! What a configuration asks for.

use serde::Deserialize;
use soci::{ImageReference, Options, Version};
use tfplugin_sdk::{Diagnostic, Diagnostics, Value};

use crate::diagnose::diagnose;

/// More characters than this a tag cannot have.
pub(super) const MAX_TAG: usize = 128;

/// What is to be indexed, how, and where it goes.
pub(super) struct Settings {
    pub image: ImageReference,
    pub version: Version,
    /// The tag of the SOCI-enabled image; none for one without a tag, and for V1.
    pub tag: Option<String>,
    pub options: Options,
}

/// The arguments that decide about the index. Everything else in a plan may be unknown.
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
}

const ARGUMENTS: [&str; 8] = [
    "image",
    "index_version",
    "tag",
    "platforms",
    "span_size",
    "min_layer_size",
    "prefetch_files",
    "optimizations",
];

impl Settings {
    /// The settings in a configuration, a plan or a state; an error if one is not known yet.
    pub(super) fn read(from: &Value) -> Result<Self, Diagnostic> {
        let arguments = Value::object(ARGUMENTS.map(|name| (name, from.get(name).clone())));
        let arguments: Arguments = arguments
            .to()
            .map_err(|error| Diagnostic::error("Unknown argument", error.to_string()))?;
        let image: ImageReference =
            arguments
                .image
                .parse()
                .map_err(|error: soci::InvalidReference| {
                    diagnose("reading", &arguments.image, &error.into())
                })?;
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
        let tag = match version {
            Version::V1 => None,
            Version::V2 => arguments.tag.or_else(|| default_tag(&image)),
        };
        Ok(Self {
            image,
            version,
            tag,
            options,
        })
    }

    /// What it is imported by.
    pub(super) fn id(&self) -> String {
        let id = format!("{}/{}", self.version.name(), self.image);
        match &self.tag {
            Some(tag) if Some(tag) != default_tag(&self.image).as_ref() => format!("{id},{tag}"),
            _ => id,
        }
    }

    /// What the image's reference names it by: its digest, or else its tag.
    pub(super) fn source_name(&self) -> String {
        match self.image.digest() {
            Some(digest) => digest.to_string(),
            None => self.image.tag().unwrap_or("latest").to_owned(),
        }
    }

    /// What decides about the bytes of an index, beside the image. Two builds that agree in it
    /// and in the image have the same digests, if the same `soci` made them.
    pub(super) fn recipe(&self) -> String {
        let options = &self.options;
        let mut platforms: Vec<String> =
            options.platforms.iter().map(ToString::to_string).collect();
        platforms.sort();
        let mut files = options.ztoc.prefetch_files.clone();
        files.sort();
        format!(
            "soci {} {} span {} min {} platforms {platforms:?} prefetch {files:?} xattr {} by {:?}",
            env!("CARGO_PKG_VERSION"),
            self.version.name(),
            options.ztoc.span_size,
            options.min_layer_size,
            options.optimize_xattrs,
            options.ztoc.build_tool,
        )
    }
}

fn version(name: Option<&str>) -> Version {
    match name {
        Some("V1") => Version::V1,
        _ => Version::V2,
    }
}

/// The tag of the SOCI-enabled image where the configuration names none.
pub(super) fn default_tag(image: &ImageReference) -> Option<String> {
    if image.digest().is_some() {
        return None;
    }
    image.tag().map(|tag| format!("{tag}-soci"))
}

/// The default of `tag` in a plan: unknown as long as it depends on something unknown.
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

/// What a text is that names no platform.
pub(super) fn invalid_platform(error: impl std::fmt::Display) -> Diagnostic {
    let detail = format!("Got {error}. Leave the argument out to index every platform.");
    Diagnostic::error("Invalid platform", detail)
}

/// A tag as registries take it.
pub(super) fn check_tag(tag: &str) -> Result<(), Diagnostic> {
    let mut bytes = tag.bytes();
    let first = bytes.next();
    let starts = first.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    let goes_on = bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    if starts && goes_on && tag.len() <= MAX_TAG {
        return Ok(());
    }
    let shown: String = tag.chars().take(MAX_TAG + 1).collect();
    let detail = format!(
        "Got {shown:?}. Want 1 to {MAX_TAG} letters, digits, \"_\", \".\" and \"-\", the first \
         neither \".\" nor \"-\": only the tag, without the repository, such as \"1.4-soci\"."
    );
    Err(Diagnostic::error("Invalid tag", detail))
}

/// A file of the image.
pub(super) fn check_file(path: &str) -> Result<(), Diagnostic> {
    let names_one = path.split('/').any(|part| !matches!(part, "" | "." | ".."));
    if names_one && !path.ends_with('/') && !path.contains('\0') {
        return Ok(());
    }
    let detail = format!(
        "Got {path:?}. Want the path of a file in the image, such as \"/usr/bin/app\"; a \
         directory or a pattern is not one."
    );
    Err(Diagnostic::error("Invalid path", detail))
}

/// What several arguments say together.
pub(super) fn check_together(config: &Value) -> Diagnostics {
    let mut found = Diagnostics::new();
    let (tag, version_name) = (config.get("tag"), config.get("index_version"));
    if version_name.is_unknown() {
        return found;
    }
    let version = version(version_name.as_str());
    if version == Version::V1 {
        if !tag.is_null() {
            let detail = "An index of version V1 has no tag: it is found by the image that it \
                          refers to. Remove the argument tag, or set index_version = \"V2\".";
            found.push(Diagnostic::error("Arguments exclude each other", detail).at("tag"));
        }
        return found;
    }
    let image = config.get("image").as_str();
    let Some(image) = image.and_then(|image| image.parse::<ImageReference>().ok()) else {
        return found;
    };
    if tag.as_str().is_some_and(|tag| image.tag() == Some(tag)) {
        let instead = default_tag(&image).unwrap_or_else(|| "soci".to_owned());
        let detail = format!(
            "The SOCI-enabled image would take the tag of the image itself, {image}, which would \
             then be indexed again at each change. Choose another tag, such as {instead:?}."
        );
        found.push(Diagnostic::error("Tag of the image itself", detail).at("tag"));
    }
    if tag.is_null()
        && let Some(tag) = default_tag(&image).filter(|tag| tag.len() > MAX_TAG)
    {
        let detail = format!(
            "The SOCI-enabled image of {image} would be tagged {tag:?}, which is longer than the \
             {MAX_TAG} characters that a tag may have. Choose a tag for it with the argument tag."
        );
        found.push(Diagnostic::error("Tag too long", detail).at("image"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags() {
        for good in ["1", "_", "1.4-soci", &"a".repeat(MAX_TAG)] {
            assert!(check_tag(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            ".a",
            "a b",
            "a:b",
            "a/b",
            "ü",
            "a\n",
            &"a".repeat(129),
        ] {
            assert!(check_tag(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn files() {
        for good in ["a", "/usr/bin/app", "./a b"] {
            assert!(check_file(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "a/", "..", "a\0"] {
            assert!(check_file(bad).is_err(), "{bad:?}");
        }
    }

    fn settings(arguments: &[(&str, &str)]) -> Settings {
        let arguments = arguments
            .iter()
            .map(|(name, value)| (*name, (*value).into()));
        Settings::read(&Value::object(arguments)).expect("valid")
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
}
