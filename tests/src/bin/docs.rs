//! `make docs`: regenerates the parts of the reference pages that come from the provider and the
//! examples, and the pages for the command.

use anyhow::Result;
use tests::docs::{Schemas, stale_commands};

fn main() -> Result<()> {
    let mut stale = Schemas::load()?.stale()?;
    stale.extend(stale_commands()?);
    for (path, rendered) in stale {
        std::fs::write(&path, rendered)?;
        println!("{}: written", path.display());
    }
    Ok(())
}
