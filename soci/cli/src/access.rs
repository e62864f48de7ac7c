//! Access to registries: credentials, certificates, plain HTTP.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use soci::{Client, CredentialChain, Credentials, ImageReference, RegistryImage};

use crate::exit::UsageError;
use crate::files::{bounded, read};
use crate::location::Location;
use crate::output;

/// Maximum size of a password or token, in bytes.
const MAX_PASSWORD: u64 = 64 << 10;
/// Maximum size of a file of certificates, in bytes.
const MAX_CERTIFICATES: u64 = 4 << 20;

/// How to reach a registry.
#[derive(Args, Default)]
#[command(next_help_heading = "Registry options")]
pub(crate) struct Access {
    /// User name for the registry [default: the logins of docker and podman]
    #[arg(long, value_name = "NAME", requires = "password")]
    username: Option<String>,
    /// Read the password from standard input
    #[arg(long, requires = "username", group = "password")]
    password_stdin: bool,
    /// Read the password from a file
    #[arg(long, value_name = "FILE", requires = "username", group = "password")]
    password_file: Option<PathBuf>,
    /// Use plain HTTP (the default for loopback registries without --ca-file)
    #[arg(long)]
    plain_http: bool,
    /// Trust the certificate authorities in a PEM file as well as the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Give up after this long, such as 90s or 10m [default: never; 15m for `wait`]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Option<Duration>,
}

/// How to reach the two registries of a copy, where that differs.
#[derive(Args, Default)]
#[command(next_help_heading = "Registry options")]
pub(crate) struct Sides {
    /// User name for the registry of SOURCE
    #[arg(long, value_name = "NAME", requires = "source_password_file")]
    source_username: Option<String>,
    /// File with the password for the registry of SOURCE
    #[arg(long, value_name = "FILE", requires = "source_username")]
    source_password_file: Option<PathBuf>,
    /// Use plain HTTP for the registry of SOURCE
    #[arg(long)]
    source_plain_http: bool,
    /// User name for the registry of DESTINATION
    #[arg(long, value_name = "NAME", requires = "destination_password_file")]
    destination_username: Option<String>,
    /// File with the password for the registry of DESTINATION
    #[arg(long, value_name = "FILE", requires = "destination_username")]
    destination_password_file: Option<PathBuf>,
    /// Use plain HTTP for the registry of DESTINATION
    #[arg(long)]
    destination_plain_http: bool,
}

/// Access to one registry.
#[derive(Clone, Default)]
pub(crate) struct Endpoint {
    /// The credentials. If `None`, the logins on this machine are used.
    credentials: Option<Credentials>,
    plain_http: bool,
    /// PEM certificates to trust.
    certificates: Option<Vec<u8>>,
}

impl Endpoint {
    /// Opens an image of this registry.
    pub(crate) async fn image(&self, reference: &ImageReference) -> Result<RegistryImage> {
        let mut client = match &self.certificates {
            Some(pem) => Client::with_root_certificates(pem)?,
            None => Client::new()?,
        };
        if self.plain_http {
            client = client.with_plain_http(true);
        } else if self.certificates.is_some() {
            client = client.with_plain_http(false);
        }
        let credentials = match &self.credentials {
            Some(credentials) => credentials.clone().into(),
            None => log_ins(reference).await?,
        };
        Ok(client.image(reference.clone(), credentials))
    }
}

/// Looks for logins where other programs store theirs.
async fn log_ins(reference: &ImageReference) -> Result<CredentialChain> {
    let chain = CredentialChain::local(reference).await?;
    let (found, tried) = chain.first(reference).await;
    if found.is_none() {
        // The image may be public; otherwise, the registry's refusal repeats the failure.
        for failed in tried.iter().filter(|tried| tried.failure().is_some()) {
            output::note(&format!("warning: no credentials from {failed}"));
        }
    }
    Ok(chain)
}

impl Access {
    /// Reads the settings for the single registry of a command.
    pub(crate) fn endpoint(&self) -> Result<Endpoint> {
        Ok(Endpoint {
            credentials: self.credentials()?,
            plain_http: self.plain_http,
            certificates: self.certificates()?,
        })
    }

    /// Reads the settings for a registry that the options do not cover: no credentials, and TLS.
    pub(crate) fn elsewhere(&self) -> Result<Endpoint> {
        Ok(Endpoint {
            credentials: None,
            plain_http: false,
            certificates: self.certificates()?,
        })
    }

    /// Reads the settings for the registries of a source and a destination.
    ///
    /// Options that name neither side apply to both, in which case there may be only one registry,
    /// because credentials are sent to no other.
    pub(crate) fn endpoints(
        &self,
        sides: &Sides,
        source: &Location,
        destination: &Location,
    ) -> Result<(Endpoint, Endpoint)> {
        if let (Some(from), Some(to)) = (source.reference(), destination.reference())
            && from.registry() != to.registry()
        {
            for (given, option, value) in [
                (self.username.is_some(), "username", " NAME"),
                (self.plain_http, "plain-http", ""),
            ] {
                if given {
                    bail!(UsageError::new(format!(
                        "--{option}: {} and {} are different registries; want \
                         --source-{option}{value} or --destination-{option}{value}",
                        from.registry(),
                        to.registry()
                    )));
                }
            }
        }
        let common = self.endpoint()?;
        let side = |username: &Option<String>, file: &Option<PathBuf>, plain_http| {
            let mut endpoint = common.clone();
            endpoint.plain_http |= plain_http;
            if let (Some(username), Some(file)) = (username, file) {
                endpoint.credentials = Some(basic(username, &password_of(file)?));
            }
            anyhow::Ok(endpoint)
        };
        Ok((
            side(
                &sides.source_username,
                &sides.source_password_file,
                sides.source_plain_http,
            )?,
            side(
                &sides.destination_username,
                &sides.destination_password_file,
                sides.destination_plain_http,
            )?,
        ))
    }

    fn credentials(&self) -> Result<Option<Credentials>> {
        let Some(username) = &self.username else {
            return Ok(None);
        };
        let password = match &self.password_file {
            Some(file) => password_of(file)?,
            None => {
                let reading = "reading the password from standard input";
                let password = bounded(std::io::stdin(), MAX_PASSWORD).context(reading)?;
                password_in(password).context(reading)?
            }
        };
        Ok(Some(basic(username, &password)))
    }

    fn certificates(&self) -> Result<Option<Vec<u8>>> {
        let Some(path) = &self.ca_file else {
            return Ok(None);
        };
        let pem = read(path, MAX_CERTIFICATES)?;
        // A mistake in the file is reported with its name, before any request is made.
        Client::with_root_certificates(&pem).with_context(|| path.display().to_string())?;
        Ok(Some(pem))
    }
}

fn basic(username: &str, password: &str) -> Credentials {
    Credentials::Basic {
        username: username.to_owned(),
        password: password.to_owned(),
    }
}

fn password_of(file: &Path) -> Result<String> {
    let password = read(file, MAX_PASSWORD)?;
    password_in(password).with_context(|| file.display().to_string())
}

fn password_in(bytes: Vec<u8>) -> Result<String> {
    // The error would quote the bytes.
    let Ok(password) = String::from_utf8(bytes) else {
        bail!("the password is not UTF-8");
    };
    let password = password.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("the password is empty");
    }
    Ok(password.to_owned())
}
