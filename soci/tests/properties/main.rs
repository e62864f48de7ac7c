//! Properties: what holds for every image, not only for those in the golden vectors.
//!
//! Every run draws the same cases, so that a failure is a failure for everybody. A case that
//! failed once is kept by its seed in `regressions.txt` and comes first from then on. With
//! `PROPTEST_RNG_SEED` set to another number, other cases are drawn.

mod archive;
mod archive_writer;
mod encoding;
mod images;
#[path = "../support/knowledge.rs"]
mod knowledge;
mod layers;
#[path = "../support/memory.rs"]
mod memory;
mod reference;
mod source;
mod ztocs;

use proptest::test_runner::{Config, FileFailurePersistence, RngSeed};

/// Draws `cases` cases, the same ones in every run.
fn cases(cases: u32) -> Config {
    let default = Config::default();
    Config {
        cases,
        rng_seed: match default.rng_seed {
            RngSeed::Random => RngSeed::Fixed(0x50c1),
            fixed @ RngSeed::Fixed(_) => fixed,
        },
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "tests/properties/regressions.txt",
        ))),
        ..default
    }
}
