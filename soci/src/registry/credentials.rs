//! Who asks a registry.

use std::fmt;
use std::io::Read as _;
use std::path::PathBuf;

use docker_credential::{CredentialRetrievalError, DockerCredential};

use crate::reference::ImageReference;
use crate::{Error, Result};

/// The key under which Docker keeps the credentials of Docker Hub.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// Of Docker's configuration, more is not read.
const MAX_CONFIG: u64 = 4 << 20;

/// What to show a registry that asks.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing.
    #[default]
    Anonymous,
    /// A user with a password, or with a token in its place.
    Basic {
        /// The user's name.
        username: String,
        /// The user's password.
        password: String,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Basic { .. } => "Basic { redacted }",
        })
    }
}

impl Credentials {
    /// What Docker's configuration (`$DOCKER_CONFIG/config.json`, `~/.docker/config.json`)
    /// has for the registry of a reference, its credential helpers included.
    ///
    /// # Errors
    /// When the configuration is broken or a helper fails. Having none is no error.
    pub async fn from_docker_config(reference: &ImageReference) -> Result<Self> {
        match usual_file() {
            // One that cannot be looked at is no configuration that is not there: opening it says why.
            Some(path) if path.try_exists().unwrap_or(true) => {
                Self::from_docker_config_file(path, reference).await
            }
            _ => Ok(Self::Anonymous),
        }
    }

    /// The same, out of a certain file of the form of Docker's configuration.
    ///
    /// # Errors
    /// When the file is missing or broken, or a helper fails. That it has nothing for the
    /// registry is no error.
    pub async fn from_docker_config_file(
        path: impl Into<PathBuf>,
        reference: &ImageReference,
    ) -> Result<Self> {
        let registry = reference.registry().to_owned();
        let path = path.into();
        // A helper is another program, which may take its time.
        let found = tokio::task::spawn_blocking({
            let key = match registry.as_str() {
                "docker.io" => DOCKER_HUB_KEY.to_owned(),
                registry => registry.to_owned(),
            };
            move || {
                let file = std::fs::File::open(path)?.take(MAX_CONFIG);
                let file = std::io::BufReader::new(file);
                let found = docker_credential::get_credential_from_reader(file, &key);
                std::io::Result::Ok(found)
            }
        });
        let found = match found.await {
            Ok(found) => found,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        let refuse = |reason: String| Error::Credentials {
            registry: registry.clone(),
            reason,
        };
        let found = found.map_err(|error| refuse(format!("Docker's configuration: {error}")));
        match found? {
            Ok(DockerCredential::UsernamePassword(username, password)) => {
                Ok(Self::Basic { username, password })
            }
            Ok(DockerCredential::IdentityToken(_)) => Err(refuse(
                "Docker's configuration has an identity token, which is not supported; \
                 log in with a user name and a password or access token"
                    .to_owned(),
            )),
            Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(Self::Anonymous),
            // What a helper printed may hold the secret itself.
            Err(CredentialRetrievalError::HelperFailure { helper, .. }) => {
                Err(refuse(format!("the credential helper {helper:?} failed")))
            }
            Err(error) => Err(refuse(format!("Docker's configuration: {error}"))),
        }
    }
}

/// Where Docker's configuration is, if there is one.
fn usual_file() -> Option<PathBuf> {
    let directory = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let home = || Some(std::env::home_dir()?.join(".docker"));
    Some(directory.or_else(home)?.join("config.json"))
}
