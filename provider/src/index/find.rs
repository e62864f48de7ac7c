//! Finding an index in the registry: what there is now, for a state or for an import.

use std::time::Duration;

use soci::{Destination, Digest, Inspection, RegistryImage, Version, inspect};
use tfplugin_sdk::{Context, Diagnostic, Diagnostics, Value};

use super::attributes::{IndexLine, Settings, set_lines};
use super::open;
use super::record::{Build, Record};
use crate::diagnose::diagnose;
use crate::provider::Shared;

/// The state as the registry has it now; nothing if the index is gone.
pub(super) async fn find(
    cx: &Context<Shared>,
    state: Value,
    limit: Duration,
) -> Result<Option<Value>, Diagnostics> {
    let settings = Settings::read(&state)?;
    let name = settings.image.to_string();
    let imported = state.get("image_uri").is_null();
    let work = async {
        let image = open(cx, &settings.image).await?;
        let record = Record::load(cx);
        let look = Look {
            image: &image,
            settings: &settings,
            record: &record,
        };
        let found = if imported {
            look.import(state).await
        } else {
            look.refresh(state).await
        };
        found.map_err(|error| diagnose("reading the index of", &name, &error))
    };
    let found = tokio::select! {
        () = cx.cancelled() => {
            let detail = format!("Reading the index of {name} was interrupted.");
            return Err(Diagnostic::error("Interrupted", detail).into());
        }
        () = tokio::time::sleep(limit) => {
            let detail = format!(
                "Reading the index of {name} took longer than {} seconds. Check the connection \
                 to the registry.",
                limit.as_secs()
            );
            return Err(Diagnostic::error("Timed out", detail).into());
        }
        found = work => found?,
    };
    if imported && let Some(state) = &found {
        // What is there now is what should be there.
        let current = Build::imported(state);
        let others = Vec::new();
        Record { current, others }.save(cx);
    }
    Ok(found)
}

struct Look<'a> {
    image: &'a RegistryImage,
    settings: &'a Settings,
    record: &'a Record,
}

impl Look<'_> {
    /// A state as the registry has it now.
    async fn refresh(&self, mut state: Value) -> soci::Result<Option<Value>> {
        if state.get("indexed").as_bool() == Some(false) {
            let source = parsed(state.get("source_digest"))?;
            let stands = self.image.resolve(source).await?.is_some();
            return Ok(stands.then_some(state));
        }
        let lines = match self.settings.version {
            Version::V1 => self.refresh_v1(&state).await?,
            Version::V2 => self.refresh_v2(&mut state).await?,
        };
        let Some(lines) = lines else {
            // Gone, unless something is left that a destroy must still remove.
            for build in self.record.current.iter().chain(&self.record.others) {
                if !build.adopted && build.stands(self.image).await? {
                    state.set("digest", None::<String>);
                    return shown(state, &[]);
                }
            }
            return Ok(None);
        };
        shown(state, &lines)
    }

    async fn refresh_v1(&self, state: &Value) -> soci::Result<Option<Vec<IndexLine>>> {
        let source = parsed(state.get("source_digest"))?;
        if self.image.resolve(source).await?.is_none() {
            return Ok(None);
        }
        let found = match inspect(&self.image.at(source)).await {
            Ok(found) => found,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut lines = self.lines(&found).await?;
        // Others may have indexes of the same image; ours are those that were built here.
        if let Some(current) = &self.record.current {
            let ours = |line: &IndexLine| {
                let mut built = current.indexes.iter();
                built.any(|(index, _)| index.to_string() == line.digest)
            };
            lines.retain(ours);
        }
        Ok((!lines.is_empty()).then_some(lines))
    }

    async fn refresh_v2(&self, state: &mut Value) -> soci::Result<Option<Vec<IndexLine>>> {
        let digest = state.get("digest").as_str().map(str::to_owned);
        let Some(name) = self.settings.output_tag().or_else(|| digest.clone()) else {
            return Ok(None);
        };
        let Some(now) = self.image.resolve(&name).await? else {
            return Ok(None);
        };
        let now = now.digest;
        if digest != Some(now.to_string()) {
            // Whatever the tag names now, it is not ours.
            state.set("digest", now.to_string());
            state.set("image_uri", format!("{}@{now}", self.settings.image.name()));
            return Ok(Some(Vec::new()));
        }
        match inspect(&self.image.at(now)).await {
            Ok(found) => Ok(Some(self.lines(&found).await?)),
            // A manifest of the image is missing; building it again brings it back.
            Err(error) if error.is_not_found() => Ok(Some(Vec::new())),
            Err(error) => Err(error),
        }
    }

    /// The state of an index that Terraform has not known so far.
    async fn import(&self, mut state: Value) -> soci::Result<Option<Value>> {
        let Some(source) = self.image.resolve(self.settings.source_name()).await? else {
            return Ok(None);
        };
        let source = inspect(&self.image.at(source.digest)).await?;
        let (found, digest) = match self.settings.version {
            Version::V1 => (source.clone(), source.root),
            Version::V2 => {
                let tag = self.settings.output_tag().unwrap_or_default();
                let Some(now) = self.image.resolve(&tag).await? else {
                    return Ok(None);
                };
                (inspect(&self.image.at(now.digest)).await?, now.digest)
            }
        };
        let mut lines = self.lines(&found).await?;
        // One index for each platform can be this resource's; more are others'.
        lines.dedup_by(|later, first| later.manifest_digest == first.manifest_digest);
        let Some(first) = lines.first() else {
            return Ok(None);
        };
        let known = match self.settings.version {
            Version::V1 => first.digest.clone(),
            Version::V2 => digest.to_string(),
        };
        state.set("digest", known);
        // An index of an older image: which one, nothing tells. The next apply builds it anew.
        let fresh = same_layers(&source, &found);
        state.set("source_digest", fresh.then(|| source.root.to_string()));
        state.set(
            "image_uri",
            format!("{}@{digest}", self.settings.image.name()),
        );
        state.set("indexed", true);
        let indexes = found
            .platforms
            .iter()
            .flat_map(|platform| &platform.indexes);
        let mut ztocs = indexes.flat_map(|index| &index.ztocs);
        let defaults = soci::Options::default();
        let span_size = ztocs.find_map(|ztoc| ztoc.span_size);
        state.set("span_size", span_size.unwrap_or(defaults.ztoc.span_size));
        // What was left out, and why, an index does not tell.
        state.set("min_layer_size", defaults.min_layer_size);
        shown(state, &lines)
    }

    /// The complete indexes of an image. One that lacks a zTOC is as good as gone.
    async fn lines(&self, found: &Inspection) -> soci::Result<Vec<IndexLine>> {
        let mut lines = Vec::new();
        for platform in &found.platforms {
            for index in &platform.indexes {
                if index.version != self.settings.version {
                    continue;
                }
                let mut whole = true;
                for ztoc in &index.ztocs {
                    whole &= self.image.has_blob(ztoc.descriptor.digest).await?;
                }
                if whole {
                    lines.push(IndexLine {
                        platform: platform.platform.clone(),
                        manifest_digest: platform.manifest.to_string(),
                        digest: index.digest.to_string(),
                        size: index.size,
                        ztoc_count: index.ztocs.len(),
                        skipped_layers: platform.layers.len().saturating_sub(index.ztocs.len()),
                    });
                }
            }
        }
        Ok(lines)
    }
}

/// A state with these indexes. They always have the attribute's type.
fn shown(mut state: Value, lines: &[IndexLine]) -> soci::Result<Option<Value>> {
    Ok(set_lines(&mut state, lines).is_ok().then_some(state))
}

/// Whether two images have the same layers on the same platforms.
fn same_layers(one: &Inspection, other: &Inspection) -> bool {
    let layers = |image: &Inspection| -> Vec<(String, Vec<Digest>)> {
        let platforms = image.platforms.iter().map(|platform| {
            let layers = platform.layers.iter().map(|layer| layer.digest);
            (platform.platform.clone(), layers.collect())
        });
        platforms.collect()
    };
    layers(one) == layers(other)
}

fn parsed(digest: &Value) -> soci::Result<Digest> {
    Ok(digest.as_str().unwrap_or_default().parse()?)
}
