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
        // A directory's path may contain a colon; a name contains no slash.
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

/// Splits a path and the name of an image, which may be a full reference: after the longest
/// existing path, or else at the last colon.
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

/// Returns the location on disk for a text without a prefix, or `None` if it can only be a
/// reference.
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
        return Err(format!("a directory that is not an OCI image layout{hub}"));
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

    /// Returns the default location for the SOCI-enabled image: next to the source or, for an
    /// archive, in another archive.
    pub(crate) fn beside(&self) -> Self {
        let Self::Archive { path, .. } = self else {
            return self.clone();
        };
        let mut file = path.file_stem().unwrap_or_default().to_owned();
        file.push("-soci.tar");
        Self::archive(path.with_file_name(file), None)
    }

    /// Returns whether two locations are in the same repository, layout or archive.
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

    /// Returns whether content at one location is also at the other. A new archive has no content.
    pub(crate) fn shares_content(&self, other: &Self) -> bool {
        !matches!(other, Self::Archive { .. }) && self.shares_repository(other)
    }
}

/// Returns whether two paths lead to the same file. A path that does not exist equals no other.
pub(crate) fn same_path(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
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
