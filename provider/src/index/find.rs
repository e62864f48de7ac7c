//! Finding an index in the registry: what there is now, for a state or for an import.

use std::time::Duration;

use soci::{Destination, Digest, Inspection, RegistryImage, Version, inspect};
use tfplugin_sdk::{Context, Diagnostic, Diagnostics, Value};

use super::attributes::{IndexLine, Shown, set_lines};
use super::open;
use super::record::{Build, Record};
use super::settings::Settings;
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
        let found = async {
            let now = image.resolve(settings.source_name()).await?;
            let now = now.map(|now| now.digest);
            let state = match imported {
                true => look.import(state, now).await?,
                false => look.refresh(state).await?,
            };
            Ok((state, now))
        };
        let found: soci::Result<_> = found.await;
        found.map_err(|error| diagnose("reading the index of", &name, &error))
    };
    let (found, now) = tokio::select! {
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
    if let Some(state) = &found {
        let mut record = match imported {
            // What is there now is what should be there.
            true => Record {
                current: Build::imported(state),
                ..Record::new()
            },
            false => Record::load(cx),
        };
        // An image that is gone is no reason to build anything.
        record.seen = now.or(record.seen);
        if let Some(build) = &record.current {
            let uses = &cx.data().uses;
            uses.set(&settings, &record.resource, build);
        }
        record.save(cx);
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
        let mut lines = lines(self.image, Version::V1, &found).await?;
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
        let Some(name) = self.settings.tag.clone().or_else(|| digest.clone()) else {
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
            Ok(found) => Ok(Some(lines(self.image, Version::V2, &found).await?)),
            // A manifest of the image is missing; building it again brings it back.
            Err(error) if error.is_not_found() => Ok(Some(Vec::new())),
            Err(error) => Err(error),
        }
    }

    /// The state of an index that Terraform has not known so far.
    async fn import(
        &self,
        mut state: Value,
        source: Option<Digest>,
    ) -> soci::Result<Option<Value>> {
        let Some(source) = source else {
            return Ok(None);
        };
        let source = inspect(&self.image.at(source)).await?;
        let (found, enabled) = match self.settings.version {
            Version::V1 => (source.clone(), None),
            Version::V2 => {
                let tag = self.settings.tag.clone().unwrap_or_default();
                let Some(now) = self.image.resolve(&tag).await? else {
                    return Ok(None);
                };
                let found = inspect(&self.image.at(now.digest)).await?;
                (found, Some(now.digest))
            }
        };
        let lines = one_each(lines(self.image, self.settings.version, &found).await?);
        if lines.is_empty() {
            return Ok(None);
        }
        let fresh = same_layers(&source, &found);
        let shown = Shown {
            source: source.root,
            enabled,
            lines,
        };
        if shown.set(&mut state, self.settings).is_err() {
            return Ok(None);
        }
        if !fresh {
            // An index of an older image: which one, nothing tells. The next apply builds it
            // anew.
            state.set("source_digest", None::<String>);
        }
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
        Ok(Some(state))
    }
}

/// The complete indexes of an image. One that lacks a blob is as good as gone.
pub(super) async fn lines(
    image: &RegistryImage,
    version: Version,
    found: &Inspection,
) -> soci::Result<Vec<IndexLine>> {
    let mut lines = Vec::new();
    for platform in &found.platforms {
        for index in &platform.indexes {
            if index.version != version {
                continue;
            }
            let ztocs = index.ztocs.iter().map(|ztoc| &ztoc.descriptor);
            let mut whole = !index.ztocs.is_empty();
            for blob in ztocs.chain(&index.prefetch) {
                whole = whole && image.has_blob(blob.digest).await?;
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

/// One index for each platform: the first, which is the one that container hosts take.
pub(super) fn one_each(mut lines: Vec<IndexLine>) -> Vec<IndexLine> {
    lines.dedup_by(|later, first| {
        (&later.manifest_digest, &later.platform) == (&first.manifest_digest, &first.platform)
    });
    lines
}

/// A state with these indexes. They always have the attribute's type.
fn shown(mut state: Value, lines: &[IndexLine]) -> soci::Result<Option<Value>> {
    Ok(set_lines(&mut state, lines).is_ok().then_some(state))
}

/// Whether two images have the same layers on the same platforms.
pub(super) fn same_layers(one: &Inspection, other: &Inspection) -> bool {
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
