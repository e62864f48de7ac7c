//! The bodies of the fuzz targets.
//!
//! They are apart from the targets so that `tests/mutations` runs the same code, over the corpora
//! and over mutated golden vectors, without a fuzzer. Every function accepts any bytes, and returns
//! whether they were valid enough to reach its end.

mod image;
mod layer;
mod limits;
#[path = "../../tests/support/memory.rs"]
mod memory;
mod memory_image;
mod reference;

pub use image::image;
pub use layer::{layer, ztoc};
pub use limits::MAX_MEMORY;
pub use reference::reference;
