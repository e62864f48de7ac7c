//! Indexing images.
//!
//! ```text
//! image ─► layers, each once ─► zTOCs ─► SOCI index per manifest ─► SOCI-enabled image (V2)
//!           (layer, layers)              (soci_index, prefetch)       (convert)
//! ```
//!
//! [`index`] does all of this and stores the zTOCs as it goes; [`Indexed::publish`] stores the
//! manifests. A layer that is already known (`known`) is not read. `freshness` determines whether
//! indexing would change anything, without reading a layer.
//!
//! This module depends on `oci`, `ztoc`, `store`, `image` and `inspect`.

mod convert;
mod earlier;
mod freshness;
mod known;
mod layer;
mod layers;
mod options;
mod pipeline;
mod prefetch;
mod progress;
mod publish;
mod report;
mod soci_index;

pub use earlier::EarlierIndexes;
pub use freshness::is_fresh;
pub use known::{Knowledge, KnownKey, KnownLayer, KnownZtoc};
pub(crate) use layer::{Outcome, build_ztoc};
pub use options::Options;
pub use pipeline::index;
pub use progress::Progress;
pub use publish::Indexed;
pub use report::{IndexReport, Report, Reused, SkippedReport, SourceReport, ZtocReport};
