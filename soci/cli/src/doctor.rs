//! `soci doctor`.

mod diagnosis;
mod examine;
mod text;

use anyhow::{Context, Result};
use soci::{ImageReference, MemoryBudget};

use crate::access::Access;
use crate::args::EnabledTag;
use crate::exit::Exit;
use crate::output::{print_json, print_lines};

/// Examines an image and prints the diagnosis.
pub(crate) async fn run(
    reference: &ImageReference,
    enabled: EnabledTag,
    json: bool,
    access: &Access,
    memory: &MemoryBudget,
) -> Result<Exit> {
    let image = access.endpoint()?.image(reference).await?;
    let tag = enabled.of(reference);
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
