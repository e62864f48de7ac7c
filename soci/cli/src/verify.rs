//! `soci verify`.

use anyhow::{Context, Result, bail};
use serde::Serialize;
use soci::{Digest, Finding, Inspection, MemoryBudget, Verification};

use crate::access::Access;
use crate::exit::Exit;
use crate::image::Image;
use crate::location::Location;
use crate::output::{error, note, print_json, print_lines};

/// Verifies every index of an image and prints the verdicts.
pub(crate) async fn run(
    source: &Location,
    json: bool,
    access: &Access,
    memory: &MemoryBudget,
) -> Result<Exit> {
    let image = Image::open(source, &access.endpoint()?).await?;
    let verifying = || format!("verifying {source}");
    let inspection = soci::inspect(image.store()).await.with_context(verifying)?;
    if inspection.platforms.iter().all(|p| p.indexes.is_empty()) {
        bail!("{source}: no SOCI index");
    }
    let verification = soci::verify_indexes(image.store(), &inspection, memory)
        .await
        .with_context(verifying)?;
    let verdict = Verdict::new(&inspection, &verification);
    if json {
        print_json(&verdict)?;
    } else {
        print_lines(verdict.lines(source))?;
        for finding in &verification.findings {
            error(&finding.to_string());
        }
        for line in &verification.notes {
            note(&line.to_string());
        }
    }
    Ok(if verdict.ok {
        Exit::Success
    } else {
        Exit::Failure
    })
}

#[derive(Serialize)]
struct Verdict {
    /// Whether every index is valid.
    ok: bool,
    indexes: Vec<Index>,
}

#[derive(Serialize)]
struct Index {
    platform: String,
    version: &'static str,
    digest: Digest,
    ok: bool,
    findings: Vec<String>,
    /// Facts that are correct but that some readers misread.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl Verdict {
    fn new(inspection: &Inspection, verification: &Verification) -> Self {
        let mut indexes = Vec::new();
        for platform in &inspection.platforms {
            for index in &platform.indexes {
                let own = |found: &[Finding]| -> Vec<String> {
                    let own = found.iter().filter(|found| found.index == index.digest);
                    own.map(ToString::to_string).collect()
                };
                let findings = own(&verification.findings);
                indexes.push(Index {
                    platform: platform.platform.clone(),
                    version: index.version.name(),
                    digest: index.digest,
                    ok: findings.is_empty(),
                    findings,
                    notes: own(&verification.notes),
                });
            }
        }
        Self {
            ok: verification.findings.is_empty(),
            indexes,
        }
    }

    fn lines(&self, source: &Location) -> Vec<String> {
        let line = |index: &Index| {
            let Index {
                platform,
                version,
                digest,
                ..
            } = index;
            let verdict = if index.ok { "ok" } else { "wrong" };
            format!("{platform}: SOCI index {version} {digest} {verdict}")
        };
        let mut lines: Vec<_> = self.indexes.iter().map(line).collect();
        if self.ok {
            lines.push(match lines.len() {
                1 => format!("{source}: the index matches the image"),
                number => format!("{source}: all {number} indexes match the image"),
            });
        }
        lines
    }
}
