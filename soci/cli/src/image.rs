//! Opened images.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use soci::{Destination, Digest, ImageSource, LayoutImage, RegistryImage};
use tempfile::TempDir;

use crate::access::Endpoint;
use crate::exit::UsageError;
use crate::location::Location;

/// An image at a location.
pub(crate) enum Image {
    Layout(LayoutImage),
    /// A new archive that has not been packed yet.
    Unpacked(Unpacked),
    Registry(RegistryImage),
}

/// A layout in a temporary directory, to be packed into an archive.
pub(crate) struct Unpacked {
    layout: LayoutImage,
    archive: PathBuf,
    /// Deleted when dropped.
    _directory: TempDir,
}

impl Unpacked {
    fn new(archive: &Path) -> Result<Self> {
        let parent = archive
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        // On the archive's file system, because that must have room for it anyway.
        let directory = tempfile::Builder::new()
            .prefix(".soci-")
            .tempdir_in(parent.unwrap_or(Path::new(".")))
            .with_context(|| format!("writing to {}", archive.display()))?;
        Ok(Self {
            layout: LayoutImage::new(directory.path()),
            archive: archive.to_owned(),
            _directory: directory,
        })
    }
}

/// A store that images are read from and written to.
pub(crate) trait Store: ImageSource + Destination {}

impl<T: ImageSource + Destination> Store for T {}

impl Image {
    /// Opens the image at a location. No requests are made until it is used.
    pub(crate) async fn open(location: &Location, endpoint: &Endpoint) -> Result<Self> {
        match location {
            Location::Layout { directory, name } => Ok(Self::Layout(match name {
                Some(name) => LayoutImage::named(directory, name),
                None => LayoutImage::new(directory),
            })),
            Location::Archive { path, name, .. } => {
                let opened = LayoutImage::open_archive(path, name.clone()).await;
                Ok(Self::Layout(opened?))
            }
            Location::Registry(reference) => Ok(Self::Registry(endpoint.image(reference).await?)),
        }
    }

    /// Opens a location for writing. An archive is created from scratch.
    pub(crate) async fn open_destination(
        location: &Location,
        endpoint: &Endpoint,
        replace: bool,
    ) -> Result<Self> {
        let Location::Archive { path, docker, .. } = location else {
            return Self::open(location, endpoint).await;
        };
        if *docker {
            bail!(UsageError::new(format!(
                "docker-archive:{}: Docker's format cannot hold a SOCI-enabled image; want \
                 oci-archive:FILE",
                path.display()
            )));
        }
        if path.exists() && !replace {
            bail!(UsageError::new(format!(
                "{location}: the archive already exists; want another one, or --replace to replace it"
            )));
        }
        Ok(Self::Unpacked(Unpacked::new(path)?))
    }

    /// Completes the write.
    pub(crate) async fn finish(&self) -> Result<()> {
        if let Self::Unpacked(unpacked) = self {
            unpacked.layout.pack(&unpacked.archive).await?;
        }
        Ok(())
    }

    pub(crate) fn store(&self) -> &dyn Store {
        match self {
            Self::Layout(image) => image,
            Self::Unpacked(unpacked) => &unpacked.layout,
            Self::Registry(image) => image,
        }
    }

    /// Returns the tag, or the name in the layout. An image that is given only by its digest has
    /// none.
    pub(crate) async fn tag(&self) -> Result<Option<String>> {
        match self {
            Self::Layout(image) => Ok(image.name().await?),
            Self::Unpacked(_) => Ok(None),
            Self::Registry(image) => Ok(image.reference().tag().map(str::to_owned)),
        }
    }

    /// Checks that the location is writable before any work is done.
    ///
    /// # Errors
    /// If it is not.
    pub(crate) async fn check_writable(&self) -> Result<()> {
        // The configuration of every SOCI index, which will be needed anyway.
        const EMPTY_CONFIG: &[u8] = b"{}";
        match self {
            Self::Layout(layout) => layout.create().await?,
            Self::Unpacked(unpacked) => unpacked.layout.create().await?,
            Self::Registry(_) => {}
        }
        let digest = Digest::of(EMPTY_CONFIG);
        self.store()
            .push_blob(digest, vec![EMPTY_CONFIG.into()])
            .await?;
        Ok(())
    }
}
