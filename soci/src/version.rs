//! Versions of SOCI indexes.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::oci::media_type;

/// How an index is attached to its image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// The index refers to the image as a referrer, leaving the image unchanged.
    V1,
    /// A new image index lists annotated manifests alongside their SOCI indexes.
    #[default]
    V2,
}

impl Version {
    /// Returns the name, `V1` or `V2`.
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "V1",
            Self::V2 => "V2",
        }
    }

    /// Returns the artifact type of SOCI indexes.
    pub(crate) fn artifact_type(self) -> &'static str {
        match self {
            Self::V1 => media_type::SOCI_INDEX_V1,
            Self::V2 => media_type::SOCI_INDEX_V2,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
