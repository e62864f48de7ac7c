//! The list resource `soci_index`: the indexes in a repository that can be imported.

use std::collections::BTreeSet;
use std::time::Duration;

use lambda::tag_suffix::TagSuffix;
use soci::{Error, ImageReference, RegistryImage, Version};
use tfplugin_sdk::{
    Attribute, Context, Diagnostic, Diagnostics, ListResource, ListResults, Schema, Value,
    async_trait, validators,
};

use super::import;
use super::registry::open;
use super::settings::{Settings, parse_image, version};
use crate::diagnose::diagnose;
use crate::shared::{CallContext, Shared};

/// The list resource `soci_index`.
pub(crate) struct Indexes;

const TIMEOUT: Duration = Duration::from_secs(10 * 60);

#[async_trait]
impl ListResource<Shared> for Indexes {
    fn type_name(&self) -> &str {
        "soci_index"
    }

    fn schema(&self) -> Schema {
        let repository = Attribute::string()
            .required()
            .validate(validators::string(|text| parse(text).map(drop)))
            .description(
                "The repository, as `host/repository`, without tag and digest, such as \
                 `registry.example.com/shop/web`.",
            );
        let index_version = Attribute::string()
            .default(Version::V2.name())
            .validate(validators::one_of([Version::V1.name(), Version::V2.name()]))
            .description(
                "Version of the indexes: `V2` (the default) or `V1`. V1 takes several requests \
                 for each tagged image.",
            );
        let tag_suffix = Attribute::string()
            .default(TagSuffix::DEFAULT)
            .validate(validators::string(check_suffix))
            .description(format!(
                "Suffix of the tags of SOCI-enabled images (`V2`): the index of an image is looked for \
                 under the image's tag followed by it. {}. Default: `{}`.",
                TagSuffix::GRAMMAR,
                TagSuffix::DEFAULT
            ));
        Schema::new()
            .attribute("repository", repository)
            .attribute("index_version", index_version)
            .attribute("tag_suffix", tag_suffix)
            .description(
                "Lists the complete SOCI indexes of the tagged images in a repository, whatever \
                 built them.",
            )
    }

    async fn list(
        &self,
        cx: &Context<Shared>,
        config: Value,
        results: &ListResults,
    ) -> Result<(), Diagnostics> {
        let text = |name| config.get(name).as_str().unwrap_or_default();
        let repository = parse(text("repository"))?;
        let search = Search {
            version: version(Some(text("index_version"))),
            suffix: text("tag_suffix").parse().unwrap_or_default(),
            repository,
        };
        let name = search.repository.name();
        let work = async {
            let image = open(cx.data(), &search.repository).await?;
            let found = search.list(&image, results).await;
            found.map_err(|error| diagnose("listing the indexes of", &name, &error))
        };
        let doing = format!("listing the indexes of {name}");
        let call = CallContext::new(cx, TIMEOUT);
        let listed = call.run(&doing, "Nothing was changed.", work).await;
        Ok(listed.map_err(|diagnostic| diagnostic.at("repository"))?)
    }
}

/// The search parameters.
struct Search {
    repository: ImageReference,
    version: Version,
    suffix: TagSuffix,
}

impl Search {
    async fn list(&self, image: &RegistryImage, results: &ListResults) -> soci::Result<()> {
        let tags: BTreeSet<String> = image.tags().await?.into_iter().collect();
        for tag in &tags {
            let Some(state) = self.candidate(tag, &tags) else {
                continue;
            };
            // Settings can always be read from a state created by an import.
            let Ok(settings) = Settings::read(&state) else {
                continue;
            };
            if !results.are_wanted() {
                return Ok(());
            }
            if is_importable(image, &settings).await? && !results.report(settings.id(), state).await
            {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Returns the state for importing the index of a tag, if the tags suggest that it has one.
    fn candidate(&self, tag: &str, tags: &BTreeSet<String>) -> Option<Value> {
        let image = self.repository.with_tag(tag).ok()?;
        let id = match self.version {
            Version::V1 => format!("V1/{image}"),
            Version::V2 => {
                let output = self.suffix.append(tag)?;
                tags.contains(&output)
                    .then(|| format!("V2/{image},{output}"))?
            }
        };
        import::parse(&id).ok()
    }
}

/// Returns whether an import would find a complete index.
async fn is_importable(image: &RegistryImage, settings: &Settings) -> soci::Result<bool> {
    let found = async {
        let Some(source) = image.resolve(settings.source_name()).await? else {
            return Ok(false);
        };
        let found = import::find(image, settings, source.digest).await?;
        Ok(found.is_some())
    };
    match found.await {
        // Either not an image, or one with missing parts.
        Err(error @ (Error::NotAnImage { .. } | Error::Json(_) | Error::Manifest { .. })) => {
            tracing::debug!(%error, "not listed");
            Ok(false)
        }
        Err(error) if error.is_not_found() => {
            tracing::debug!(%error, "not listed");
            Ok(false)
        }
        found => found,
    }
}

/// Parses the reference of a repository. The tag that it gets has no meaning.
fn parse(text: &str) -> Result<ImageReference, Diagnostic> {
    let image = parse_image(text)?;
    let last = text.rsplit('/').next().unwrap_or_default();
    if last.contains([':', '@']) {
        let detail = format!(
            "Got {:?}. Want a repository without a tag or digest, such as {:?}: all of its tags \
             are searched.",
            text.chars().take(300).collect::<String>(),
            image.name()
        );
        return Err(Diagnostic::error("Not a repository", detail));
    }
    Ok(image)
}

fn check_suffix(text: &str) -> Result<(), Diagnostic> {
    let suffix = text.parse::<TagSuffix>();
    suffix
        .map(drop)
        .map_err(|error| Diagnostic::error("Invalid tag suffix", format!("Invalid {error}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(version: Version, suffix: &str) -> Search {
        Search {
            repository: parse("r.test/shop/web").unwrap(),
            version,
            suffix: suffix.parse().unwrap(),
        }
    }

    #[test]
    fn the_schema_is_sound() {
        assert_eq!(Indexes.schema().check("soci_index"), Diagnostics::new());
    }

    #[test]
    fn tags_tell_where_an_index_may_be() {
        let tags = ["1", "1-soci", "2", "2.lazy", "a-soci"];
        let tags: BTreeSet<String> = tags.map(str::to_owned).into();
        for (version, suffix, want) in [
            (Version::V2, "-soci", &["V2/r.test/shop/web:1"][..]),
            (Version::V2, ".lazy", &["V2/r.test/shop/web:2,2.lazy"]),
            (Version::V2, "-none", &[]),
            (
                Version::V1,
                "-soci",
                &[
                    "V1/r.test/shop/web:1",
                    "V1/r.test/shop/web:1-soci",
                    "V1/r.test/shop/web:2",
                    "V1/r.test/shop/web:2.lazy",
                    "V1/r.test/shop/web:a-soci",
                ],
            ),
        ] {
            let search = search(version, suffix);
            let states = tags.iter().filter_map(|tag| search.candidate(tag, &tags));
            let ids: Vec<String> = states
                .map(|state| state.get("id").as_str().unwrap().to_owned())
                .collect();
            assert_eq!(ids, want, "{suffix}");
        }
    }

    #[test]
    fn a_repository_has_neither_tag_nor_digest() {
        assert!(parse("r.test:5000/shop/web").is_ok());
        let digest = format!("r.test/a@sha256:{}", "0".repeat(64));
        for (text, summary) in [
            ("r.test/shop/web:1", "Not a repository"),
            (&*digest, "Not a repository"),
            ("https://r.test/shop/web", "Invalid image reference"),
            ("", "Invalid image reference"),
            ("r.test/Shop", "Invalid image reference"),
        ] {
            assert_eq!(parse(text).unwrap_err().summary, summary, "{text}");
        }
        let found = check_suffix("/").unwrap_err();
        assert!(found.detail.contains("want 1 to 64 letters"), "{found:?}");
    }
}
