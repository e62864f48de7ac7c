//! The locations on this machine where programs store logins.

use std::path::PathBuf;
use std::sync::Arc;
use std::{env, io};

use async_trait::async_trait;

use super::file::{Entry, LoginFile};
use super::{CredentialChain, CredentialSource, Credentials, helper};
use crate::error::{CredentialsError, Error, Result};
use crate::oci::ImageReference;

/// A file that may contain logins.
struct Place {
    path: PathBuf,
    /// Its name in messages.
    name: String,
    /// Whether the file was named explicitly, so that it must exist.
    named: bool,
}

impl Place {
    fn new(what: &str, path: PathBuf) -> Self {
        let name = format!("{what} {}", path.display());
        Self {
            path,
            name: name.trim_start().to_owned(),
            named: false,
        }
    }
}

impl CredentialChain {
    /// Lists the locations of logins on this machine: the file named by `REGISTRY_AUTH_FILE`,
    /// `containers/auth.json` in `XDG_RUNTIME_DIR` and in the user's configuration directory, and
    /// Docker's configuration (`$DOCKER_CONFIG/config.json` or `~/.docker/config.json`), each with
    /// its credential helpers. An attempt without credentials comes last.
    ///
    /// Among the entries of one file, the longest match wins: `host/team/app` before `host/team`
    /// before `host`.
    ///
    /// # Errors
    /// If one of the files exists but cannot be read or is invalid. Failures of helpers are not
    /// reported here.
    pub async fn local(image: &ImageReference) -> Result<Self> {
        Ok(Self::local_only(image).await?.then_anonymous())
    }

    /// Lists the same locations as [`local`](Self::local), without the attempt without credentials.
    ///
    /// # Errors
    /// As for [`local`](Self::local).
    pub async fn local_only(image: &ImageReference) -> Result<Self> {
        let mut chain = Self::empty();
        for place in places() {
            chain = chain.then_file(place, image).await?;
        }
        Ok(chain)
    }

    /// Lists the entries of one file in the format of Docker's configuration, with its credential
    /// helpers.
    ///
    /// # Errors
    /// If the file is missing or invalid.
    pub async fn file(path: impl Into<PathBuf>, image: &ImageReference) -> Result<Self> {
        let mut place = Place::new("", path.into());
        place.named = true;
        Self::empty().then_file(place, image).await
    }

    async fn then_file(mut self, place: Place, image: &ImageReference) -> Result<Self> {
        let fail = |source| Error::Credentials {
            registry: image.registry().to_owned(),
            source,
        };
        let file = LoginFile::read(&place.path, &place.name).await;
        let Some(file) = file.map_err(fail)? else {
            if place.named {
                let source = io::Error::new(io::ErrorKind::NotFound, "the file does not exist");
                let file = place.name;
                return Err(fail(CredentialsError::Unreadable { file, source }));
            }
            return Ok(self.then(Stored {
                name: format!("{} (absent)", place.name),
                entry: Ok(None),
            }));
        };
        let before = self.len();
        let (credential_helper, store) = (file.helper(image), file.store());
        // As in Docker, a helper for the registry takes precedence over the store.
        if let Some(program) = credential_helper.or(store) {
            self = self.then(Helper {
                program,
                file: place.name.clone(),
            });
        }
        match file.entry(image) {
            Ok(None) if self.len() > before => {}
            entry => {
                let entry = entry.map(|entry| entry.map(Entry::credentials));
                let name = place.name;
                self = self.then(Stored { name, entry });
            }
        }
        Ok(self)
    }
}

/// Returns the files that may contain logins, in the order in which they are tried.
fn places() -> Vec<Place> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
    let directory = |name| variable(name).map(PathBuf::from);
    let home = env::home_dir().filter(|home| !home.as_os_str().is_empty());
    let mut places = Vec::new();
    match directory("REGISTRY_AUTH_FILE") {
        Some(path) => {
            let mut place = Place::new("REGISTRY_AUTH_FILE", path);
            place.named = true;
            places.push(place);
        }
        None => {
            let runtime = directory("XDG_RUNTIME_DIR");
            let user =
                directory("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
            let files = [runtime, user].into_iter().flatten();
            let files = files.map(|directory| directory.join("containers/auth.json"));
            // Few users have these files, so an absent one is not mentioned. If a file cannot be
            // examined, it may exist; opening it reports the reason.
            let files = files.filter(|path| path.try_exists().unwrap_or(true));
            places.extend(files.map(|path| Place::new("", path)));
        }
    }
    let docker = directory("DOCKER_CONFIG").or_else(|| Some(home?.join(".docker")));
    let docker = docker.map(|directory| directory.join("config.json"));
    places.extend(docker.map(|path| Place::new("Docker's configuration", path)));
    places
}

type Reason = Arc<dyn std::error::Error + Send + Sync>;

/// The result of looking up an entry in a file.
struct Stored {
    name: String,
    entry: Result<Option<Credentials>, CredentialsError>,
}

#[async_trait]
impl CredentialSource for Stored {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn find(&self, _: &ImageReference) -> Result<Option<Credentials>, Reason> {
        match &self.entry {
            Ok(entry) => Ok(entry.clone()),
            Err(error) => Err(Arc::from(Box::from(error.to_string()))),
        }
    }
}

/// A credential helper named in a file.
struct Helper {
    program: String,
    file: String,
}

#[async_trait]
impl CredentialSource for Helper {
    fn name(&self) -> String {
        format!("{} of {}", self.program, self.file)
    }

    async fn find(&self, image: &ImageReference) -> Result<Option<Credentials>, Reason> {
        for server in super::file::servers(image) {
            let found = helper::get(&self.program, &server).await;
            if let Some(found) = found.map_err(|error| Arc::new(error) as Reason)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}
