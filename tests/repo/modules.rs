//! No circles between the modules of a crate.
//!
//! A module *uses* another when its code names an item that is defined there, wherever the name
//! was imported from: re-exports are followed to the definition. These are no uses:
//!
//! - to declare a child (`mod child;`), or to re-export what a descendant defines;
//! - to name a module without naming an item in it;
//! - to call methods: the type that has them is what counts;
//! - code that only test builds compile (`#[cfg(test)]`).
//!
//! Each module is looked at as a house whose rooms are its own file and its children, each child
//! with everything below it. Uses between rooms must not form a circle. So two neighbours may not
//! need each other, not even through their descendants; and a parent that calls its child may not
//! define what the child needs: that belongs in a child of its own.

mod circles;
mod resolve;
mod source;
#[cfg(test)]
mod tests;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{expect_only, output_of, tracked};

/// Crates that have circles today. The list may only get shorter.
const EXPECTED: [&str; 3] = ["provider/sdk/src/", "soci/cli/src/", "soci/tests/"];

#[test]
fn no_crate_has_circles() -> Result<()> {
    let metadata = output_of(
        "cargo",
        &["metadata", "--format-version=1", "--locked", "--no-deps"],
    )?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let root = metadata["workspace_root"].as_str().context("no root")?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let mut wrong = Vec::new();
    let mut loaded = 0;
    for target in packages.iter().flat_map(targets) {
        let path = target["src_path"].as_str().context("no path")?;
        let path = path
            .strip_prefix(root)
            .and_then(|path| path.strip_prefix('/'))
            .with_context(|| format!("{path} is not in {root}"))?;
        let modules = source::load(path, &|file| tracked::text(file).ok())?;
        loaded += modules.len();
        wrong.extend(circles::circles(&modules));
    }
    assert!(loaded > 100, "{loaded} modules only: are they all found?");
    expect_only(&wrong, &EXPECTED);
    Ok(())
}

fn targets(package: &Value) -> impl Iterator<Item = &Value> {
    package["targets"].as_array().into_iter().flatten()
}
