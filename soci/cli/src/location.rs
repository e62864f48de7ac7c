//! Locations of images: a registry or an image layout.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use soci::{Destination, Digest, ImageReference, ImageSource, LayoutImage, RegistryImage};

use tempfile::TempDir;

use crate::access::Endpoint;
use crate::exit::UsageError;

/// Where an image is, or will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// `oci:DIR` or `oci:DIR:NAME`.
    Layout {
        directory: PathBuf,
        name: Option<String>,
    },
    /// `oci-archive:FILE` or `docker-archive:FILE`, either with `:NAME`.
    Archive {
        path: PathBuf,
        name: Option<String>,
        /// Whether it is to be Docker's own format, which cannot hold an index.
        docker: bool,
    },
    /// `host/repository:tag` or `host/repository@digest`.
    Registry(ImageReference),
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        for (prefix, docker) in [("oci-archive:", false), ("docker-archive:", true)] {
            if let Some(file) = text.strip_prefix(prefix) {
                let (path, name) = split_name(file);
                if path.as_os_str().is_empty() || name.as_deref() == Some("") {
                    return Err(format!("want {prefix}FILE or {prefix}FILE:NAME"));
                }
                return Ok(Self::Archive { path, name, docker });
            }
        }
        let Some(directory) = text.strip_prefix("oci:") else {
            return match local(text)? {
                Some(local) => Ok(local),
                None => {
                    let reference = text.parse().map(Self::Registry);
                    reference.map_err(|error: soci::InvalidReference| error.to_string())
                }
            };
        };
        // A directory may have a colon in its path, a name has no slash.
        let (directory, name) = match directory.rsplit_once(':') {
            Some((directory, name)) if !name.contains('/') => (directory, Some(name.to_owned())),
            _ => (directory, None),
        };
        if directory.is_empty() || name.as_deref() == Some("") {
            return Err("want oci:DIR or oci:DIR:NAME".to_owned());
        }
        let directory = PathBuf::from(directory);
        if directory.is_file() {
            return Ok(Self::archive(directory, name));
        }
        Ok(Self::Layout { directory, name })
    }
}

/// Splits a path and the name of an image, which may be a whole reference: after the longest path
/// that exists, or else at the last colon.
fn split_name(text: &str) -> (PathBuf, Option<String>) {
    let whole = || (PathBuf::from(text), None);
    if Path::new(text).exists() {
        return whole();
    }
    let colons = text.rmatch_indices(':').map(|(at, _)| text.split_at(at));
    let exists = |(path, _): &(&str, &str)| Path::new(path).is_file();
    let last = || {
        text.rsplit_once(':')
            .filter(|(_, name)| !name.contains('/'))
    };
    let found = colons.map(|(path, name)| (path, &name[1..])).find(exists);
    match found.or_else(last) {
        Some((path, name)) => (path.into(), Some(name.to_owned())),
        None => whole(),
    }
}

/// Returns the location of something on disk, for a text without a prefix; `None` if it can only be
/// a reference.
fn local(text: &str) -> Result<Option<Location>, String> {
    let is_path = ["/", "./", "../"]
        .iter()
        .any(|start| text.starts_with(start));
    let path = Path::new(text);
    if path.is_file() {
        return Ok(Some(Location::archive(path.into(), None)));
    }
    if path.join("index.json").is_file() {
        let directory = path.into();
        let name = None;
        return Ok(Some(Location::Layout { directory, name }));
    }
    if path.exists() {
        let hub = if is_path {
            ""
        } else {
            "; for the image of that name in a registry, name its \
                                           host, such as docker.io"
        };
        return Err(format!("a directory that is no OCI image layout{hub}"));
    }
    let (file, name) = split_name(text);
    let is_tar = file.extension().is_some_and(|extension| extension == "tar");
    if is_tar || (is_path && file.is_file()) {
        return Ok(Some(Location::archive(file, name)));
    }
    if is_path {
        return Err("no such file or directory; want oci:DIR for a new layout".to_owned());
    }
    Ok(None)
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Layout { name, .. } | Self::Archive { name, .. } => name,
            Self::Registry(reference) => return reference.fmt(f),
        };
        f.write_str(&self.repository())?;
        name.iter().try_for_each(|name| write!(f, ":{name}"))
    }
}

impl Location {
    fn archive(path: PathBuf, name: Option<String>) -> Self {
        let docker = false;
        Self::Archive { path, name, docker }
    }

    /// Returns the reference of an image in a registry.
    pub(crate) fn reference(&self) -> Option<&ImageReference> {
        match self {
            Self::Layout { .. } | Self::Archive { .. } => None,
            Self::Registry(reference) => Some(reference),
        }
    }

    /// Returns the repository, the layout or the archive, without tag, digest or name.
    pub(crate) fn repository(&self) -> String {
        match self {
            Self::Layout { directory, .. } => format!("oci:{}", directory.display()),
            Self::Archive { path, .. } => format!("oci-archive:{}", path.display()),
            Self::Registry(reference) => reference.name(),
        }
    }

    /// Returns where the SOCI-enabled image goes if nothing else is said: where the image is, or for
    /// an archive into another one.
    pub(crate) fn beside(&self) -> Self {
        let Self::Archive { path, .. } = self else {
            return self.clone();
        };
        let mut file = path.file_stem().unwrap_or_default().to_owned();
        file.push("-soci.tar");
        Self::archive(path.with_file_name(file), None)
    }

    /// Whether two locations are in one repository, one layout or one archive.
    pub(crate) fn shares_repository(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Registry(one), Self::Registry(other)) => one.name() == other.name(),
            (
                Self::Layout { directory: one, .. },
                Self::Layout {
                    directory: other, ..
                },
            )
            | (Self::Archive { path: one, .. }, Self::Archive { path: other, .. }) => {
                same_path(one, other)
            }
            _ => false,
        }
    }

    /// Whether what is at one location is also at the other. A new archive has nothing.
    pub(crate) fn shares_content(&self, other: &Self) -> bool {
        !matches!(other, Self::Archive { .. }) && self.shares_repository(other)
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
    /// A new archive, as long as it is not packed.
    Unpacked(Unpacked),
    Registry(RegistryImage),
}

/// A layout in a temporary directory, to be packed into an archive.
pub(crate) struct Unpacked {
    layout: LayoutImage,
    archive: PathBuf,
    /// Deleted in the end.
    _directory: TempDir,
}

impl Unpacked {
    fn new(archive: &Path) -> Result<Self> {
        let parent = archive
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        // On the archive's file system, there is room for it and for nothing less.
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
    /// Opens the image at a location. Requests are first made when it is used.
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

    /// Opens a location to write to. An archive is made from scratch.
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
                "{location}: the archive exists; want another one, or --replace to replace it"
            )));
        }
        Ok(Self::Unpacked(Unpacked::new(path)?))
    }

    /// Completes what was written.
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

    /// Returns the tag, or the name in the layout. An image that is given by its digest alone has
    /// none.
    pub(crate) async fn tag(&self) -> Result<Option<String>> {
        match self {
            Self::Layout(image) => Ok(image.name().await?),
            Self::Unpacked(_) => Ok(None),
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
        match self {
            Self::Layout(layout) => layout.create().await?,
            Self::Unpacked(unpacked) => unpacked.layout.create().await?,
            Self::Registry(_) => {}
        }
        let digest = Digest::of(EMPTY_CONFIG);
        self.store().push_blob(digest, EMPTY_CONFIG.into()).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exists_is_no_reference() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = |name: &str| directory.path().join(name).display().to_string();
        std::fs::write(path("a.tar"), "").expect("written");
        std::fs::write(path("saved"), "").expect("written");
        std::fs::create_dir(path("layout")).expect("made");
        std::fs::create_dir(path("other")).expect("made");
        std::fs::write(path("layout/index.json"), "").expect("written");
        let archive = |file: &str, name: Option<&str>| {
            Ok(Location::archive(
                path(file).into(),
                name.map(str::to_owned),
            ))
        };
        let parse = |text: String| text.parse::<Location>();
        assert_eq!(parse(path("a.tar")), archive("a.tar", None));
        assert_eq!(parse(path("saved")), archive("saved", None));
        assert_eq!(parse(path("saved:1")), archive("saved", Some("1")));
        let whole = "docker.io/library/a:1";
        let named = parse(path(&format!("a.tar:{whole}")));
        assert_eq!(named, archive("a.tar", Some(whole)));
        assert_eq!(
            parse("new.tar".to_owned()),
            Ok(Location::archive("new.tar".into(), None))
        );
        let layout = Location::Layout {
            directory: path("layout").into(),
            name: None,
        };
        assert_eq!(parse(path("layout")), Ok(layout));
        for bad in ["other", "gone"] {
            assert!(parse(path(bad)).is_err(), "{bad}");
        }
        assert!(matches!(
            parse("r.test/a:1".to_owned()),
            Ok(Location::Registry(_))
        ));
    }
}
