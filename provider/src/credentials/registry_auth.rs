//! The `registry_auth` blocks.

use soci::{CredentialChain, Credentials, ImageReference};
use tfplugin_sdk::{Attribute, AttributePath, Block, Diagnostic, Diagnostics, Value, validators};

use crate::aws::expand;
use crate::diagnose::{REGISTRY_AUTH, diagnose};

const NAME: &str = "registry_auth";

/// Other names of Docker Hub.
const DOCKER_HUB: [&str; 3] = ["index.docker.io", "registry-1.docker.io", "hub.docker.com"];

pub(crate) fn block() -> Block {
    Block::list()
        .description(
            "Credentials and connection settings of a registry. These credentials take precedence \
             over Docker's configuration, and no others are tried. One block per registry.",
        )
        .attribute(
            "address",
            Attribute::string()
                .required()
                .validate(validators::string(check_address))
                .description(
                    "The registry as in image references: `host` or `host:port`, such as \
                     `registry.example.com`; `docker.io` for Docker Hub.",
                ),
        )
        .attribute(
            "username",
            Attribute::string()
                .optional()
                .validate(validators::length(1..=1000))
                .description("User name. Requires `password`."),
        )
        .attribute(
            "password",
            Attribute::string()
                .optional()
                .sensitive()
                .validate(validators::length(1..=100_000))
                .description("Password or access token. Requires `username`."),
        )
        .attribute(
            "config_file",
            Attribute::string()
                .optional()
                .validate(validators::length(1..=4096))
                .description(
                    "Path of a file in the format of Docker's `config.json`, including credential \
                     helpers, instead of `username` and `password`.",
                ),
        )
        .attribute(
            "ca_file",
            Attribute::string()
                .optional()
                .validate(validators::length(1..=4096))
                .description(
                    "Path of a PEM file with certificate authorities to trust for this registry in \
                     addition to the system's and those of `custom_ca_bundle`.",
                ),
        )
        .attribute(
            "plain_http",
            Attribute::bool().optional().description(
                "Whether to connect to the registry over plain HTTP, unencrypted. Default: `true` \
                 for a registry on this machine (`localhost`, `127.0.0.0/8`) without `ca_file`, \
                 `false` for every other.",
            ),
        )
}

fn check_address(address: &str) -> Result<(), Diagnostic> {
    let shown: String = address.chars().take(100).collect();
    let refuse = |advice: String| Err(Diagnostic::error("Invalid registry address", advice));
    if let Some((_, rest)) = address.split_once("://") {
        // The text before an @ may be a password.
        let rest = rest.rsplit('@').next().unwrap_or(rest);
        let host = rest.split('/').next().unwrap_or(rest);
        let host = if DOCKER_HUB.contains(&host) {
            "docker.io"
        } else {
            host
        };
        return refuse(format!("The address has a scheme. Write {host:?}."));
    }
    if address.contains('@') {
        return refuse("The address has a user name. Use username and password.".to_owned());
    }
    if let Some((host, _)) = address.split_once('/') {
        return refuse(format!(
            "Got {shown:?}, which has a path. Write {host:?}: the credentials apply to all \
             repositories of the registry."
        ));
    }
    if DOCKER_HUB.contains(&address) {
        return refuse(format!(
            "Got {shown:?}. Write \"docker.io\" for Docker Hub."
        ));
    }
    let lower = address.to_ascii_lowercase();
    if lower != address {
        return refuse(format!("Got {shown:?}. Write it in lower case: {lower:?}."));
    }
    // Same rules as in an image reference.
    let image = format!("{address}/image").parse::<ImageReference>();
    if image.is_ok_and(|image| image.registry() == address) {
        return Ok(());
    }
    refuse(format!(
        "Got {shown:?}. Want a host with an optional port, such as \"registry.example.com\" or \
         \"localhost:5000\"; a name with neither dot nor port would be part of a repository."
    ))
}

/// Checks combinations of attributes.
pub(crate) fn validate(config: &Value) -> Diagnostics {
    let mut found = Diagnostics::new();
    let blocks = config.get(NAME).as_list().unwrap_or_default();
    for (index, block) in blocks.iter().enumerate() {
        if block.is_unknown() {
            continue;
        }
        let path = AttributePath::from(NAME).index(index);
        let present = |name: &str| !block.get(name).is_null();
        let mut wrong = |summary: &str, detail: String, attribute: &str| {
            let path = path.attribute(attribute);
            found.push(Diagnostic::error(summary, detail).at(path));
        };
        let (user, password, file) = (
            present("username"),
            present("password"),
            present("config_file"),
        );
        if file && (user || password) {
            let detail =
                "config_file is set together with username or password. Keep one or the other.";
            wrong("Conflicting credentials", detail.to_owned(), "config_file");
        } else if user != password {
            let (one, other) = if user {
                ("username", "password")
            } else {
                ("password", "username")
            };
            let detail = format!("{one} is set, but {other} is not. Set both, or config_file.");
            wrong("Incomplete credentials", detail, one);
        } else if !user && !file && !present("ca_file") && !present("plain_http") {
            let detail = "Set username and password, or config_file. For a registry that only \
                          needs other connection settings, set ca_file or plain_http.";
            wrong("No credentials", detail.to_owned(), "address");
        }
        if present("ca_file") && block.get("plain_http").as_bool() == Some(true) {
            let detail = "ca_file is set together with plain_http, which needs no certificate. Keep \
                          one or the other.";
            wrong("Conflicting arguments", detail.to_owned(), "ca_file");
        }
        let address = block.get("address").as_str();
        let twice = |other: &Value| address.is_some() && other.get("address").as_str() == address;
        if blocks[..index].iter().any(twice) {
            let detail = format!(
                "A registry_auth block above is already for {:?}. Keep one.",
                address.unwrap_or_default()
            );
            wrong("Registry configured twice", detail, "address");
        }
    }
    found
}

/// Source of a block's credentials.
enum Origin {
    Given(Credentials),
    File(String),
    /// Only known after an apply.
    Unknown,
}

/// How to reach a registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Transport {
    pub plain_http: Option<bool>,
    /// Path of a file of certificate authorities.
    pub ca_file: Option<String>,
}

/// One block.
struct Entry {
    address: String,
    /// `None` if the block only configures how the registry is reached.
    origin: Option<Origin>,
    transport: Transport,
}

/// The blocks of a configuration.
#[derive(Default)]
pub(super) struct Entries(Vec<Entry>);

impl Entries {
    /// Reads the blocks. Skips those whose address is not known yet.
    pub(super) fn read(config: &Value) -> Self {
        let blocks = config.get(NAME).as_list().unwrap_or_default();
        let entries = blocks.iter().filter_map(|block| {
            let text = |name: &str| block.get(name).as_str().map(str::to_owned);
            let origin = match (text("username"), text("password"), text("config_file")) {
                _ if !block.is_wholly_known() => Some(Origin::Unknown),
                (_, _, Some(file)) => Some(Origin::File(file)),
                (Some(username), Some(password), None) => {
                    Some(Origin::Given(Credentials::Basic { username, password }))
                }
                // Validation has already reported incomplete blocks.
                _ => None,
            };
            Some(Entry {
                address: text("address")?,
                origin,
                transport: Transport {
                    plain_http: block.get("plain_http").as_bool(),
                    ca_file: text("ca_file"),
                },
            })
        });
        Self(entries.collect())
    }

    fn of(&self, registry: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.address == registry)
    }

    /// Returns how a registry is reached, if there is a block for it.
    pub(super) fn transport(&self, registry: &str) -> Option<Transport> {
        Some(self.of(registry)?.transport.clone())
    }

    /// Finds the credentials in the block for the registry of an image.
    pub(super) async fn find(
        &self,
        image: &ImageReference,
    ) -> Result<Option<CredentialChain>, Diagnostic> {
        let registry = image.registry();
        let refuse =
            |summary: &str, detail: String| Err(Diagnostic::error(summary, detail).at("image"));
        match self.of(registry).and_then(|entry| entry.origin.as_ref()) {
            None => Ok(None),
            Some(Origin::Given(credentials)) => Ok(Some(CredentialChain::named(
                REGISTRY_AUTH,
                credentials.clone(),
            ))),
            Some(Origin::File(file)) => {
                let chain = CredentialChain::file(expand(file), image).await;
                let chain = chain.map_err(|error| {
                    diagnose("looking up credentials for", &image.to_string(), &error)
                })?;
                let (found, tried) = chain.first(image).await;
                if found.is_some() {
                    return Ok(Some(chain));
                }
                let tried: Vec<String> = tried.iter().map(ToString::to_string).collect();
                refuse(
                    "Registry credentials not available",
                    format!(
                        "While looking up credentials for {image}: {file}, the config_file of \
                         registry_auth, has none for {registry} ({}).\n\nAdd them with `docker \
                         --config <directory of the file> login {registry}`, or remove the block.",
                        tried.join("; ")
                    ),
                )
            }
            Some(Origin::Unknown) => refuse(
                "Registry credentials not known yet",
                format!(
                    "While looking up credentials for {image}: the registry_auth block for \
                     {registry} depends on a value that is only known after an apply.\n\nApply \
                     what it depends on first, with -target."
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests;
