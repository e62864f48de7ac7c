//! `make docs`: regenerates the parts of the reference pages that come from the provider and the
//! examples.

use anyhow::{Context, Result};
use tests::docs::{Schemas, pages};

fn main() -> Result<()> {
    let schemas = Schemas::load()?;
    for path in pages()? {
        let page = std::fs::read_to_string(&path)?;
        let rendered = schemas
            .render(&page)
            .with_context(|| path.display().to_string())?;
        if rendered != page {
            std::fs::write(&path, rendered)?;
            println!("{}: written", path.display());
        }
    }
    Ok(())
}
