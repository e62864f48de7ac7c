//! Login files in the format of Docker's configuration.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;
use tokio::io::AsyncReadExt;

use super::Credentials;
use crate::error::CredentialsError;
use crate::oci::ImageReference;

/// Maximum size of a file in bytes.
const MAX_FILE: u64 = 4 << 20;
/// The key under which Docker stores logins for Docker Hub.
const DOCKER_HUB_SERVER: &str = "https://index.docker.io/v1/";
/// Docker Hub in image references, and its other names.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_HOSTS: [&str; 3] = ["index.docker.io", "registry-1.docker.io", DOCKER_HUB];

/// The part of the file that concerns logins.
#[derive(Default, Deserialize)]
pub(super) struct LoginFile {
    auths: Option<BTreeMap<String, Option<Auth>>>,
    #[serde(rename = "credHelpers")]
    helpers: Option<BTreeMap<String, String>>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
    /// Name of the file in messages.
    #[serde(skip)]
    name: String,
}

#[derive(Default, Deserialize)]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

/// A non-empty entry.
pub(super) struct Entry(Credentials);

impl Entry {
    pub(super) fn credentials(self) -> Credentials {
        self.0
    }
}

impl LoginFile {
    /// Reads a file, or returns `None` if it does not exist.
    pub(super) async fn read(path: &Path, name: &str) -> Result<Option<Self>, CredentialsError> {
        let unreadable = |source| CredentialsError::Unreadable {
            file: name.to_owned(),
            source,
        };
        let file = match tokio::fs::File::open(path).await {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        let mut bytes = Vec::new();
        let read = file.take(MAX_FILE + 1).read_to_end(&mut bytes).await;
        read.map_err(unreadable)?;
        if bytes.len() as u64 > MAX_FILE {
            let reason = format!("larger than the {MAX_FILE} bytes allowed");
            return Err(unreadable(io::Error::other(reason)));
        }
        Self::parse(&bytes, name).map(Some)
    }

    fn parse(bytes: &[u8], name: &str) -> Result<Self, CredentialsError> {
        let parsed: Option<Self> = match bytes.trim_ascii() {
            b"" => None,
            // The parser's own message may quote a secret.
            text => serde_json::from_slice(text).map_err(|error| CredentialsError::Invalid {
                file: name.to_owned(),
                line: error.line(),
                column: error.column(),
            })?,
        };
        let mut file = parsed.unwrap_or_default();
        name.clone_into(&mut file.name);
        Ok(file)
    }

    /// Returns the program that stores the login for this registry.
    pub(super) fn helper(&self, image: &ImageReference) -> Option<String> {
        let helpers = self.helpers.iter().flatten();
        let found = longest(helpers, image, |name| !name.is_empty())?;
        Some(program(found.1))
    }

    /// Returns the program that stores all other logins.
    pub(super) fn store(&self) -> Option<String> {
        let name = self.store.as_ref().filter(|name| !name.is_empty())?;
        Some(program(name))
    }

    /// Returns the entry for a repository.
    pub(super) fn entry(&self, image: &ImageReference) -> Result<Option<Entry>, CredentialsError> {
        let auths = self.auths.iter().flatten();
        let auths = auths.filter_map(|(key, auth)| Some((key, auth.as_ref()?)));
        // If a helper stores the secret, an entry without one only marks its existence.
        let Some((key, auth)) = longest(auths, image, |auth| !auth.is_empty()) else {
            return Ok(None);
        };
        let invalid = || CredentialsError::InvalidAuth {
            file: self.name.clone(),
            key: key.clone(),
        };
        auth.read().map(Entry).map(Some).ok_or_else(invalid)
    }
}

fn program(name: &str) -> String {
    format!("docker-credential-{name}")
}

impl Auth {
    fn is_empty(&self) -> bool {
        let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        ![
            &self.auth,
            &self.username,
            &self.identitytoken,
            &self.registrytoken,
        ]
        .into_iter()
        .any(given)
    }

    fn read(&self) -> Option<Credentials> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = given(&self.identitytoken) {
            return Some(Credentials::IdentityToken(token));
        }
        if let Some(token) = given(&self.registrytoken) {
            return Some(Credentials::AccessToken(token));
        }
        let Some(auth) = given(&self.auth) else {
            return Some(Credentials::Basic {
                username: given(&self.username)?,
                password: self.password.clone().unwrap_or_default(),
            });
        };
        let auth = auth.trim();
        let text = STANDARD.decode(auth);
        let text = text.or_else(|_| STANDARD_NO_PAD.decode(auth)).ok()?;
        let text = String::from_utf8(text).ok()?;
        let (username, password) = text.split_once(':')?;
        Some(Credentials::Basic {
            username: username.to_owned(),
            // Old versions of Docker padded the password with NULs.
            password: password.trim_matches('\0').to_owned(),
        })
    }
}

/// Returns the names under which a helper may store the login for a registry.
pub(super) fn servers(image: &ImageReference) -> Vec<String> {
    match image.registry() {
        DOCKER_HUB => vec![DOCKER_HUB_SERVER.to_owned(), DOCKER_HUB.to_owned()],
        registry => vec![registry.to_owned()],
    }
}

/// Finds the value of the longest key that names the repository of an image or a prefix of it.
fn longest<'a, T>(
    entries: impl Iterator<Item = (&'a String, &'a T)>,
    image: &ImageReference,
    has_something: impl Fn(&T) -> bool,
) -> Option<(&'a String, &'a T)> {
    let name = image.name().to_ascii_lowercase();
    let covers = |scope: &str| {
        let rest = name.strip_prefix(scope);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let matching = entries.filter(|(_, value)| has_something(value));
    let matching = matching.map(|entry| (scope(entry.0), entry));
    let matching = matching.filter(|(scope, _)| covers(scope));
    // If two keys have the same scope, Docker's own spelling wins.
    let servers = servers(image);
    let rank = |key: &String| servers.iter().rev().position(|server| server == key);
    let best = matching.max_by_key(|(scope, (key, _))| (scope.len(), rank(key)));
    best.map(|(_, entry)| entry)
}

/// Returns the scope of a key: a host, or a host with a path.
fn scope(key: &str) -> String {
    let url = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"));
    let text = url.unwrap_or(key).trim_end_matches('/');
    let (host, path) = text.split_once('/').unwrap_or((text, ""));
    let host = match DOCKER_HUB_HOSTS.contains(&host) {
        true => DOCKER_HUB,
        false => host,
    };
    // A URL points to the registry's API.
    let scope = match url.is_some() || matches!(path, "" | "v1" | "v2") {
        true => host.to_owned(),
        false => format!("{host}/{path}"),
    };
    scope.to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
