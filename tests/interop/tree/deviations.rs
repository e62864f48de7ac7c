//! Where a lazily mounted image differs from an unpacked one because of its consumer, whatever
//! made the index. Everything else is a defect.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::{Difference, Fact, Property, Tree};

/// `EIO`.
const IO_ERROR: i32 = 5;

/// The parts of an image that these deviations depend on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    /// Directories without an entry in the tars.
    pub(crate) implied: BTreeSet<PathBuf>,
    /// Hard links to a file that is replaced later in the same tar.
    pub(crate) left_behind: BTreeSet<PathBuf>,
}

/// A known deviation of the consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deviation {
    /// A directory without an entry has a time of its own.
    ImpliedDirectoryTime,
    /// A time before 1970 is kept; unpacking makes it 1970.
    NegativeTime,
    /// A symbolic link has the mode of its entry; unpacking makes it 0777.
    SymlinkMode,
    /// A hard link whose target is replaced later counts another number of links.
    LeftBehindLinks,
    /// Extended attributes in `trusted.` are shown.
    TrustedXattr,
    /// An empty extended attribute sometimes cannot be read.
    EmptyXattr,
}

/// The deviation that explains a difference.
fn explain(difference: &Difference, want: &Tree, image: &Image) -> Option<Deviation> {
    let Difference {
        path,
        want: eager,
        got: lazy,
        property,
    } = difference;
    let is = |kind: &str| {
        let file = want.files.get(path);
        file.and_then(|file| file.get(&Property::Kind)) == Some(&Fact::Text(kind.to_owned()))
    };
    match (property.as_ref()?, eager, lazy) {
        (Property::Mtime, Some(_), Some(_)) if is("directory") && image.implied.contains(path) => {
            Some(Deviation::ImpliedDirectoryTime)
        }
        (Property::Mtime, Some(Fact::Time(0, 0)), Some(Fact::Time(..0, _))) => {
            Some(Deviation::NegativeTime)
        }
        (Property::Mode, Some(Fact::Text(mode)), Some(_)) if is("symbolic link") => {
            (mode == "777").then_some(Deviation::SymlinkMode)
        }
        (Property::Links, Some(_), Some(_)) if image.left_behind.contains(path) => {
            Some(Deviation::LeftBehindLinks)
        }
        (Property::Xattr(name), None, Some(Fact::Bytes(_))) => name
            .as_bytes()
            .starts_with(b"trusted.")
            .then_some(Deviation::TrustedXattr),
        (Property::Xattr(_), Some(Fact::Bytes(value)), Some(Fact::Error(Some(IO_ERROR)))) => {
            value.is_empty().then_some(Deviation::EmptyXattr)
        }
        _ => None,
    }
}

/// Splits the differences of `got` from `want` into those that no deviation explains, and the
/// deviations that were seen.
pub(crate) fn compare(
    got: &Tree,
    want: &Tree,
    image: &Image,
) -> (Vec<Difference>, BTreeSet<Deviation>) {
    let mut defects = Vec::new();
    let mut seen = BTreeSet::new();
    for difference in got.differences(want) {
        match explain(&difference, want, image) {
            Some(deviation) => {
                seen.insert(deviation);
            }
            None => defects.push(difference),
        }
    }
    (defects, seen)
}
