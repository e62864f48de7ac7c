//! Locations of images: a registry or an image layout.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Result;
use soci::{Destination, Digest, ImageReference, ImageSource, LayoutImage, RegistryImage};

use crate::access::Endpoint;

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

/// An image at a location.
pub(crate) enum Image {
    Layout(LayoutImage),
    Registry(RegistryImage),
}

/// A store that images are read from and written to.
pub(crate) trait Store: ImageSource + Destination {}

impl<T: ImageSource + Destination> Store for T {}

impl Image {
    /// Opens the image at a location. Requests are first made when it is used.
    pub(crate) async fn open(location: &Location, endpoint: &Endpoint) -> Result<Self> {
        match location {
            Location::Layout { directory, name } => Ok(Self::Layout(match name {
                Some(name) => LayoutImage::named(directory, name),
                None => LayoutImage::new(directory),
            })),
            Location::Registry(reference) => Ok(Self::Registry(endpoint.image(reference).await?)),
        }
    }

    pub(crate) fn store(&self) -> &dyn Store {
        match self {
            Self::Layout(image) => image,
            Self::Registry(image) => image,
        }
    }

    /// Returns the tag, or the name in the layout. An image that is given by its digest has
    /// none.
    pub(crate) async fn tag(&self) -> Result<Option<String>> {
        match self {
            Self::Layout(image) => Ok(image.name().await?),
            Self::Registry(image) if image.reference().digest().is_some() => Ok(None),
            Self::Registry(image) => Ok(image.reference().tag().map(str::to_owned)),
        }
    }

    /// Finds out whether the location takes what is to be written, before any work is done.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) async fn check_writable(&self) -> Result<()> {
        // The configuration of every SOCI index, which will be needed anyway.
        const EMPTY_CONFIG: &[u8] = b"{}";
        if let Self::Layout(layout) = self {
            layout.create().await?;
        }
        let digest = Digest::of(EMPTY_CONFIG);
        self.store().push_blob(digest, EMPTY_CONFIG.into()).await?;
        Ok(())
    }
}
