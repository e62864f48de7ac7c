//! Warnings that accompany the result of an apply.

use soci::ztoc::SkipReason;
use soci::{Digest, RegistryImage, Report};
use tfplugin_sdk::{Context, Diagnostic};

use super::settings::Settings;
use crate::shared::Shared;

/// Maximum number of lines in a list.
const MAX_LINES: usize = 20;

/// Warns about an image without an index, about parts that are left out, and about files that are
/// not prefetched.
pub(super) fn of_build(cx: &Context<Shared>, name: &str, report: &Report) {
    if !report.left_out.is_empty() {
        let left_out = report.left_out.iter().map(|left_out| {
            let platform = left_out.platform.as_deref().unwrap_or("no platform");
            format!("{platform}: {}: {}", left_out.manifest, left_out.reason)
        });
        let detail = format!(
            "These manifests of {name} have no SOCI index:\n{}",
            list(left_out)
        );
        cx.warn(Diagnostic::warning("Parts of the image not indexed", detail).at("image"));
    }
    if report.is_empty() {
        let skipped = report.indexes.iter().flat_map(|index| {
            let skipped = index.skipped.iter();
            skipped.map(|skipped| {
                let (platform, layer) = (&index.platform, skipped.layer);
                format!("{platform}: layer {layer}: {}", skipped.reason)
            })
        });
        let detail = format!(
            "No layer of {name} was indexed, so image_uri is the image itself:\n{}",
            list(skipped)
        );
        cx.warn(Diagnostic::warning("Nothing to index", detail).at("image"));
        return;
    }
    let odd = report.indexes.iter().flat_map(|index| {
        let odd = index
            .skipped
            .iter()
            .filter(|skipped| is_odd(&skipped.reason));
        odd.map(|skipped| {
            let (platform, layer) = (&index.platform, skipped.layer);
            format!("{platform}: layer {layer}: {}", skipped.reason)
        })
    });
    let odd: Vec<String> = odd.collect();
    if !odd.is_empty() {
        let detail = format!(
            "These layers of {name} are downloaded whole, because they cannot be read lazily by \
             every container host:\n{}",
            list(odd.into_iter())
        );
        cx.warn(Diagnostic::warning("Layers not indexed", detail).at("image"));
    }
    let indexed = report.indexes.iter().filter(|index| index.digest.is_some());
    let missing: Vec<String> = indexed
        .flat_map(|index| {
            let files = index.not_prefetched.iter();
            files.map(|file| format!("{}: {file}", index.platform))
        })
        .collect();
    if !missing.is_empty() {
        let detail = format!(
            "These files are not prefetched, because no indexed layer of {name} contains them as \
             non-empty regular files:\n{}\n\nCheck the paths; a layer smaller than \
             min_layer_size is fetched whole anyway.",
            list(missing.into_iter())
        );
        cx.warn(Diagnostic::warning("Files not prefetched", detail).at("prefetch_files"));
    }
}

/// Warns if the image's tag no longer names the image that was indexed.
pub(super) async fn of_moved_tag(
    cx: &Context<Shared>,
    image: &RegistryImage,
    settings: &Settings,
    source: Digest,
) {
    if settings.image.digest().is_some() {
        return;
    }
    let now = match image.resolve(settings.source_name()).await {
        Ok(now) => now.map(|now| now.digest),
        Err(error) => {
            tracing::debug!(%error, "cannot tell whether the tag has moved");
            return;
        }
    };
    if let Some(now) = now.filter(|now| *now != source) {
        let detail = format!(
            "{} now points to {now}. The index is for {source}, to which it pointed when it was \
             planned or read. Plan and apply again to index the newer image.",
            settings.image
        );
        cx.warn(Diagnostic::warning("Tag has moved", detail).at("image"));
    }
}

/// Warns that the image no longer exists although its index does.
pub(super) fn of_missing_image(cx: &Context<Shared>, settings: &Settings) {
    let detail = format!(
        "{} no longer exists. Its index still does, and image_uri stays as it is until an \
         apply destroys the resource. Push the image again, set image to another \
         image, or remove the resource from the configuration.",
        settings.image
    );
    cx.warn(Diagnostic::warning("Image no longer exists", detail).at("image"));
}

/// Returns whether a layer is left out for a reason that the image's author may not know.
fn is_odd(reason: &SkipReason) -> bool {
    matches!(
        reason,
        SkipReason::Corrupt(_) | SkipReason::Mislabelled { .. } | SkipReason::SeveralMembers
    )
}

fn list(lines: impl Iterator<Item = String>) -> String {
    let mut lines: Vec<String> = lines.map(|line| format!("  - {line}")).collect();
    if lines.len() > MAX_LINES {
        let rest = lines.len() - MAX_LINES;
        lines.truncate(MAX_LINES);
        lines.push(format!("  and {rest} more"));
    }
    lines.join("\n")
}
