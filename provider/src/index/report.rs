//! What to say of a build beside its result.

use soci::Report;
use tfplugin_sdk::{Context, Diagnostic};

use crate::provider::Shared;

/// More lines than this tell nobody more.
const MAX_LINES: usize = 20;

/// Warns of an image without an index, and of files that are not prefetched.
pub(super) fn warn(cx: &Context<Shared>, name: &str, report: &Report) {
    if report.is_empty() {
        let skipped = report.indexes.iter().flat_map(|index| {
            let lines = index.skipped.iter();
            lines.map(|skipped| {
                let (platform, layer) = (&index.platform, skipped.layer);
                format!("{platform}: layer {layer}: {}", skipped.reason)
            })
        });
        let detail = format!(
            "No layer of {name} was indexed, so that image_uri is the image itself:\n{}",
            list(skipped)
        );
        cx.warn(Diagnostic::warning("Nothing to index", detail).at("image"));
        return;
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
            "These files are not regular files with content in an indexed layer of {name}, so \
             that they are not prefetched:\n{}\n\nCheck the paths; a layer smaller than \
             min_layer_size is fetched whole anyway.",
            list(missing.into_iter())
        );
        cx.warn(Diagnostic::warning("Files not prefetched", detail).at("prefetch_files"));
    }
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
