//! `soci doctor`.

mod diagnosis;
mod examine;
mod text;

use anyhow::{Context, Result};
use soci::{ImageReference, MemoryBudget};

use crate::access::Access;
use crate::exit::Exit;
use crate::output::{print_json, print_lines};

/// Examines an image, and prints the diagnosis.
pub(crate) async fn run(
    reference: &ImageReference,
    tag: Option<String>,
    json: bool,
    access: &Access,
    memory: &MemoryBudget,
) -> Result<Exit> {
    let image = access.endpoint()?.image(reference).await?;
    let tag = tag.or_else(|| reference.tag().map(|tag| format!("{tag}-soci")));
    let diagnosis = examine::examine(&image, tag.as_deref(), memory).await;
    let diagnosis = diagnosis.with_context(|| format!("examining {reference}"))?;
    if json {
        print_json(&diagnosis)?;
    } else {
        print_lines(text::lines(&diagnosis))?;
    }
    Ok(if diagnosis.lazy {
        Exit::Success
    } else {
        Exit::Failure
    })
}
