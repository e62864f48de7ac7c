//! Locations of images: a registry or an image layout.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use soci::ImageReference;

/// Where an image is, or will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// `oci:DIR` or `oci:DIR:NAME`.
    Layout {
        directory: PathBuf,
        name: Option<String>,
    },
    /// `host/repository:tag` or `host/repository@digest`.
    Registry(ImageReference),
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(directory) = text.strip_prefix("oci:") else {
            let reference = text.parse::<ImageReference>();
            return reference
                .map(Self::Registry)
                .map_err(|error| error.to_string());
        };
        // A directory may have a colon in its path, a name has no slash.
        let (directory, name) = match directory.rsplit_once(':') {
            Some((directory, name)) if !name.contains('/') => (directory, Some(name.to_owned())),
            _ => (directory, None),
        };
        if directory.is_empty() || name.as_deref() == Some("") {
            return Err("want oci:DIR or oci:DIR:NAME".to_owned());
        }
        Ok(Self::Layout {
            directory: directory.into(),
            name,
        })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout { directory, name } => {
                write!(f, "oci:{}", directory.display())?;
                name.iter().try_for_each(|name| write!(f, ":{name}"))
            }
            Self::Registry(reference) => reference.fmt(f),
        }
    }
}

impl Location {
    /// Returns the reference of an image in a registry.
    pub(crate) fn reference(&self) -> Option<&ImageReference> {
        match self {
            Self::Layout { .. } => None,
            Self::Registry(reference) => Some(reference),
        }
    }

    /// Returns the repository or the layout, without tag, digest or name.
    pub(crate) fn repository(&self) -> String {
        match self {
            Self::Layout { directory, .. } => format!("oci:{}", directory.display()),
            Self::Registry(reference) => reference.name(),
        }
    }

    /// Whether two locations are in one repository, or in one layout.
    pub(crate) fn shares_repository(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Registry(one), Self::Registry(other)) => one.name() == other.name(),
            (
                Self::Layout { directory: one, .. },
                Self::Layout {
                    directory: other, ..
                },
            ) => same_path(one, other),
            _ => false,
        }
    }
}

/// Whether two paths lead to one file. A path that does not exist is the same as none.
pub(crate) fn same_path(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
