//! `make docs`: regenerates the parts of the reference pages that come from the provider and the
//! examples.

use anyhow::Result;
use tests::docs::Schemas;

fn main() -> Result<()> {
    for (path, rendered) in Schemas::load()?.stale()? {
        std::fs::write(&path, rendered)?;
        println!("{}: written", path.display());
    }
    Ok(())
}
