//! Who asks a registry.

use std::fmt;
use std::path::PathBuf;

use docker_credential::{CredentialRetrievalError, DockerCredential};

use crate::reference::ImageReference;
use crate::{Error, Result};

/// The key under which Docker keeps the credentials of Docker Hub.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

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
        let registry = reference.registry().to_owned();
        // A helper is another program, which may take its time.
        let found = tokio::task::spawn_blocking({
            let key = match registry.as_str() {
                "docker.io" => DOCKER_HUB_KEY.to_owned(),
                registry => registry.to_owned(),
            };
            move || match config_file() {
                None => Ok(None),
                Some(file) => {
                    let file = std::io::BufReader::new(file?);
                    Ok(Some(docker_credential::get_credential_from_reader(
                        file, &key,
                    )))
                }
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
        let found: std::io::Result<_> = found;
        let found = found.map_err(|error| refuse(format!("Docker's configuration: {error}")));
        let Some(found) = found? else {
            return Ok(Self::Anonymous);
        };
        match found {
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

/// Docker's configuration, if there is one.
fn config_file() -> Option<std::io::Result<std::fs::File>> {
    let directory = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker"));
    let path = directory.or_else(home)?.join("config.json");
    match std::fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        opened => Some(opened),
    }
}
