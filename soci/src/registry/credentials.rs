//! Credentials for a registry.

use std::fmt;
use std::io::{self, Read as _};
use std::path::PathBuf;

use docker_credential::{CredentialRetrievalError, DockerCredential};

use crate::error::CredentialsError;
use crate::error::{Error, Result};
use crate::oci::ImageReference;

/// The key under which Docker keeps the credentials for Docker Hub.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// Maximum size of Docker's configuration in bytes.
const MAX_CONFIG: u64 = 4 << 20;

/// Credentials for a registry.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// None.
    #[default]
    Anonymous,
    /// A user name with a password, or with a token in its place.
    Basic {
        /// The user name.
        username: String,
        /// The password.
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
    /// Reads the credentials for the registry of a reference from Docker's configuration
    /// (`$DOCKER_CONFIG/config.json`, `~/.docker/config.json`), using its credential helpers.
    ///
    /// # Errors
    /// If the configuration is invalid or a helper fails. Having none is not an error.
    pub async fn from_docker_config(reference: &ImageReference) -> Result<Self> {
        match default_path() {
            // A file that cannot be examined may exist; opening it says why.
            Some(path) if path.try_exists().unwrap_or(true) => {
                Self::from_docker_config_file(path, reference).await
            }
            _ => Ok(Self::Anonymous),
        }
    }

    /// Reads the credentials for the registry of a reference from a file in the form of Docker's
    /// configuration.
    ///
    /// # Errors
    /// If the file is missing or invalid, or a helper fails. Having none for the registry is not an
    /// error.
    pub async fn from_docker_config_file(
        path: impl Into<PathBuf>,
        reference: &ImageReference,
    ) -> Result<Self> {
        let registry = reference.registry();
        let key = match registry {
            "docker.io" => DOCKER_HUB_KEY.to_owned(),
            registry => registry.to_owned(),
        };
        let path = path.into();
        // A helper is another program, which may take its time.
        let read = tokio::task::spawn_blocking(move || read(path, &key)).await;
        let read = match read {
            Ok(read) => read,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        read.map_err(|source| Error::Credentials {
            registry: registry.to_owned(),
            source,
        })
    }
}

fn read(path: PathBuf, key: &str) -> Result<Credentials, CredentialsError> {
    let file = std::fs::File::open(path).map_err(CredentialsError::Unreadable)?;
    let file = io::BufReader::new(file.take(MAX_CONFIG));
    match docker_credential::get_credential_from_reader(file, key) {
        Ok(DockerCredential::UsernamePassword(username, password)) => {
            Ok(Credentials::Basic { username, password })
        }
        Ok(DockerCredential::IdentityToken(_)) => Err(CredentialsError::IdentityToken),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(Credentials::Anonymous),
        Err(CredentialRetrievalError::HelperFailure { helper, .. }) => {
            Err(CredentialsError::Helper { helper })
        }
        Err(error) => Err(CredentialsError::Invalid(Box::new(error))),
    }
}

/// Returns the path of Docker's configuration, if there can be one.
fn default_path() -> Option<PathBuf> {
    let directory = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let home = || Some(std::env::home_dir()?.join(".docker"));
    Some(directory.or_else(home)?.join("config.json"))
}
