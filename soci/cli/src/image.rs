//! Images at locations, opened.

use anyhow::Result;
use soci::{Destination, Digest, ImageSource, LayoutImage, RegistryImage};

use crate::access::Endpoint;
use crate::location::Location;

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
