//! Indexing images.
//!
//! ```text
//! image ─► layers, each once ─► zTOCs ─► SOCI index per manifest ─► SOCI-enabled image (V2)
//!           (layer, layers)              (soci_index, prefetch)       (convert)
//! ```
//!
//! [`index`] does all that, and stores the zTOCs as it goes; [`Indexed::publish`] stores the
//! manifests. `freshness` answers without reading a layer whether that would change anything.
//!
//! The room uses `oci`, `ztoc`, `store`, `image` and `inspect`.

mod convert;
mod freshness;
mod layer;
mod layers;
mod options;
mod pipeline;
mod prefetch;
mod progress;
mod publish;
mod report;
mod soci_index;

pub use freshness::is_fresh;
pub(crate) use layer::build_ztoc;
pub use options::Options;
pub use pipeline::index;
pub use progress::Progress;
pub use publish::Indexed;
pub use report::{IndexReport, Report, SkippedReport, SourceReport, ZtocReport};
