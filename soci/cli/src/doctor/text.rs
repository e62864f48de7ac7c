//! The diagnosis as text.

use super::diagnosis::{Diagnosis, Layer, Platform, State};

/// Returns the lines of a diagnosis.
pub(super) fn lines(diagnosis: &Diagnosis) -> Vec<String> {
    let itself = diagnosis.deploy.ends_with(&diagnosis.source.to_string());
    let as_what = if itself { "" } else { " if deployed as below" };
    let mut lines = vec![match (diagnosis.lazy, diagnosis.version) {
        (true, Some(version)) => {
            format!("{}: loaded lazily{as_what} ({version})", diagnosis.image)
        }
        _ => format!("{}: not loaded lazily", diagnosis.image),
    }];
    let problems = diagnosis.problems.iter();
    lines.extend(problems.map(|problem| format!("  - {problem}")));
    for platform in &diagnosis.platforms {
        lines.push(of_platform(platform));
        lines.extend(platform.layers.iter().map(of_layer));
    }
    lines.push(format!("deploy {}", diagnosis.deploy));
    let needs = diagnosis.needs.iter();
    lines.extend(needs.map(|need| format!("  - {need}")));
    lines
}

fn of_platform(platform: &Platform) -> String {
    let lazy = |layer: &&Layer| matches!(layer.state, State::Lazily { .. });
    let bytes = |layers: &[&Layer]| layers.iter().map(|layer| layer.size).sum::<u64>();
    let all: Vec<&Layer> = platform.layers.iter().collect();
    let loaded: Vec<&Layer> = platform.layers.iter().filter(lazy).collect();
    format!(
        "{}: {} of {} layers lazily, {} of {}",
        platform.platform,
        loaded.len(),
        all.len(),
        megabytes(bytes(&loaded)),
        megabytes(bytes(&all)),
    )
}

fn of_layer(layer: &Layer) -> String {
    let state = match &layer.state {
        State::Lazily { spans: 1, .. } => "lazily, 1 span".to_owned(),
        State::Lazily { spans, .. } => format!("lazily, {spans} spans"),
        State::Whole { reason } => format!("whole: {reason}"),
        State::Broken { reason, .. } => format!("broken: {reason}"),
        State::NotYet => "whole: it has no zTOC yet".to_owned(),
    };
    format!("  {}  {:>10}  {state}", layer.digest, megabytes(layer.size))
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
