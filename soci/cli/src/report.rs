//! The results of `create` and `convert`.

use anyhow::Result;
use serde::Serialize;
use soci::ztoc::SkipReason;
use soci::{IndexReport, Options, Report, Reused, SkippedReport};

use crate::exit::Exit;
use crate::location::Location;
use crate::output::{Verbosity, error, note, print_json, print_lines, verbosity};
use crate::size;

/// Where the result was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Destination {
    /// `HOST/REPOSITORY` or `oci:DIR`.
    repository: String,
    /// The tag, or the name in the layout.
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
}

impl Destination {
    pub(crate) fn new(location: &Location, tag: Option<String>) -> Self {
        Self {
            repository: location.repository(),
            tag,
        }
    }
}

#[derive(Serialize)]
struct Json<'a> {
    #[serde(flatten)]
    report: &'a Report,
    /// Absent if nothing was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<&'a Destination>,
}

/// Prints what was built and where it was published.
pub(crate) fn show(
    report: &Report,
    destination: &Destination,
    options: &Options,
    json: bool,
) -> Result<Exit> {
    for index in &report.indexes {
        for line in notes(index, options, verbosity()) {
            note(&format!("{}: {line}", index.platform));
        }
    }
    for left_out in &report.left_out {
        let (manifest, reason) = (left_out.manifest, &left_out.reason);
        let platform = left_out.platform.iter();
        let platform: String = platform.map(|platform| format!("{platform}: ")).collect();
        note(&format!("{platform}manifest {manifest} left out: {reason}"));
    }
    let Reused { layers, bytes, .. } = report.reused;
    if layers > 0 {
        note(&format!(
            "{} reused: {} not read",
            self::layers(layers),
            size::show(bytes)
        ));
    }
    let published = !report.is_empty();
    if json {
        print_json(&Json {
            report,
            destination: published.then_some(destination),
        })?;
    } else {
        print_lines(lines(report, destination))?;
    }
    if published {
        return Ok(Exit::Success);
    }
    error("nothing to index: no layer got a zTOC, and nothing was published");
    Ok(Exit::NothingToIndex)
}

fn lines(report: &Report, destination: &Destination) -> Vec<String> {
    let mut lines = Vec::new();
    let Destination { repository, tag } = destination;
    for index in &report.indexes {
        let platform = &index.platform;
        if let Some(digest) = index.digest {
            lines.push(format!("{platform}: SOCI index {digest}"));
        }
        for ztoc in &index.ztocs {
            lines.push(format!("  layer {}", ztoc.layer));
            let (digest, size) = (ztoc.digest, ztoc.size);
            let (files, spans) = (ztoc.files, ztoc.spans);
            let reused = if ztoc.reused { ", reused" } else { "" };
            lines.push(format!(
                "    zTOC {digest}, {size} bytes, {files} files, {spans} spans{reused}"
            ));
        }
    }
    if report.is_empty() {
        return lines;
    }
    lines.push(match (report.digest, tag) {
        (Some(digest), Some(tag)) => format!("SOCI-enabled image {repository}:{tag} {digest}"),
        (Some(digest), None) => format!("SOCI-enabled image {repository}@{digest} (untagged)"),
        (None, _) => format!("published in {repository}"),
    });
    lines
}

/// Number of skipped layers that are listed individually unless the command is verbose.
const LISTED: usize = 10;

/// Returns the parts that are not in an index, with the reasons.
fn notes(index: &IndexReport, options: &Options, verbosity: Verbosity) -> Vec<String> {
    let verbose = verbosity == Verbosity::Verbose;
    let summarized = |skipped: &&SkippedReport| !verbose && is_too_small(skipped);
    let too_small = index.skipped.iter().filter(summarized).count();
    let others = || index.skipped.iter().filter(|skipped| !summarized(skipped));
    let mut notes = Vec::new();
    if too_small > 0 {
        let minimum = size::show(options.min_layer_size);
        let layers = layers(too_small);
        notes.push(format!("{layers} smaller than {minimum} skipped"));
    }
    let listed = if verbose { usize::MAX } else { LISTED };
    for SkippedReport { layer, reason, .. } in others().take(listed) {
        notes.push(format!("layer {layer} skipped: {reason}"));
    }
    let rest = others().skip(listed).count();
    if rest > 0 {
        let layers = layers(rest);
        notes.push(format!("{layers} more skipped; --verbose lists them"));
    }
    for file in &index.not_prefetched {
        notes.push(format!("prefetch file {file} is not in any indexed layer"));
    }
    notes
}

fn layers(number: usize) -> String {
    format!("{number} layer{}", if number == 1 { "" } else { "s" })
}

fn is_too_small(skipped: &SkippedReport) -> bool {
    matches!(skipped.reason, SkipReason::TooSmall { .. })
}
