//! The commands that work on whole images.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use soci::{Indexed, Report, Version, verify_indexes};

use crate::cli::{Build, print};
use crate::place::{Access, Place};
use crate::progress::Progress;

pub(crate) async fn create(source: &str, build: &Build, access: Access) -> Result<ExitCode> {
    let credentials = access.credentials()?;
    let place = Place::open(source, &access, credentials.as_ref()).await?;
    let indexed = index(source, &place, &place, build, Version::V1).await?;
    indexed
        .publish(place.store(), None)
        .await
        .with_context(|| format!("publishing the index of {source}"))?;
    show(indexed.report(), build.json)
}

pub(crate) async fn convert(
    source: &str,
    destination: Option<&str>,
    build: &Build,
    access: Access,
) -> Result<ExitCode> {
    let credentials = access.credentials()?;
    let to = match destination {
        Some(destination) => Some(Place::open(destination, &access, credentials.as_ref()).await?),
        None => None,
    };
    // What is given on the command line is for the destination. The source gets it only if it
    // is in the same registry.
    let shared = to.as_ref().is_none_or(|to| to.is_in_registry_of(source));
    let from = if shared {
        Place::open(source, &access, credentials.as_ref()).await?
    } else {
        Place::open(source, &Access::default(), None).await?
    };
    if let Some(Place::Layout(layout)) = &to {
        layout.create().await?;
    }
    let name = from.name().await?;
    let tag = match &to {
        // Beside the source it must not take the source's name.
        None if matches!(from, Place::Layout(_)) => {
            let name = name.unwrap_or_else(|| "latest".to_owned());
            Some(format!("{name}-soci"))
        }
        None => name.map(|name| format!("{name}-soci")),
        Some(Place::Registry(image)) => image.reference().tag().map(str::to_owned),
        Some(Place::Layout(_)) => Some(name.unwrap_or_else(|| "latest".to_owned())),
    };
    let target = to.as_ref().unwrap_or(&from);
    let indexed = index(source, &from, target, build, Version::V2).await?;
    if to.is_some() && !indexed.report().is_empty() {
        indexed
            .copy_content(from.store(), target.store())
            .await
            .with_context(|| format!("copying {source}"))?;
    }
    indexed
        .publish(target.store(), tag.as_deref())
        .await
        .with_context(|| format!("publishing the SOCI-enabled image of {source}"))?;
    show(indexed.report(), build.json)
}

async fn index(
    name: &str,
    source: &Place,
    destination: &Place,
    build: &Build,
    version: Version,
) -> Result<Indexed> {
    let progress = Progress::new(!build.json);
    let options = build.options(version);
    soci::index(source.store(), destination.store(), &options, &progress)
        .await
        .with_context(|| format!("indexing {name}"))
}

/// Shows what was built, and says so if that is nothing.
fn show(report: &Report, json: bool) -> Result<ExitCode> {
    let mut lines = Vec::new();
    if json {
        lines.push(serde_json::to_string(report)?);
    }
    for index in &report.indexes {
        for skipped in &index.skipped {
            let (platform, layer, reason) = (&index.platform, skipped.layer, &skipped.reason);
            eprintln!("{platform}: layer {layer} has no zTOC: {reason}");
        }
        if json {
            continue;
        }
        if let Some(digest) = index.digest {
            lines.push(format!("{}: SOCI index {digest}", index.platform));
        }
        for ztoc in &index.ztocs {
            lines.push(format!("  layer {}", ztoc.layer));
            let (digest, size) = (ztoc.digest, ztoc.size);
            let (files, spans) = (ztoc.files, ztoc.spans);
            lines.push(format!(
                "    zTOC {digest}, {size} bytes, {files} files, {spans} spans"
            ));
        }
    }
    if let Some(digest) = report.digest.filter(|_| !json) {
        lines.push(format!("SOCI-enabled image {digest}"));
    }
    print(
        lines
            .into_iter()
            .map(|line| line + "\n")
            .collect::<String>(),
    )?;
    if report.is_empty() {
        eprintln!("soci: no layer could be indexed, so there is no index");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn inspect(source: &str, access: Access) -> Result<ExitCode> {
    let credentials = access.credentials()?;
    let place = Place::open(source, &access, credentials.as_ref()).await?;
    let inspection = soci::inspect(place.store())
        .await
        .with_context(|| format!("inspecting {source}"))?;
    print(inspection.tree(place.store()).await?.to_string())?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn verify(source: &str, access: Access) -> Result<ExitCode> {
    let credentials = access.credentials()?;
    let place = Place::open(source, &access, credentials.as_ref()).await?;
    let inspection = soci::inspect(place.store())
        .await
        .with_context(|| format!("inspecting {source}"))?;
    let indexes: Vec<_> = inspection
        .platforms
        .iter()
        .flat_map(|platform| platform.indexes.iter().map(move |index| (platform, index)))
        .collect();
    if indexes.is_empty() {
        bail!("{source} has no SOCI index");
    }
    let findings = verify_indexes(place.store(), &inspection)
        .await
        .with_context(|| format!("verifying {source}"))?;
    for (platform, index) in indexes {
        let wrong = findings.iter().filter(|f| f.index == index.digest).count();
        let verdict = if wrong == 0 { "ok" } else { "wrong" };
        println!(
            "{}: SOCI index {} {verdict}",
            platform.platform, index.digest
        );
    }
    for finding in &findings {
        eprintln!("{finding}");
    }
    Ok(if findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
