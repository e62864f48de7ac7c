//! Where an image is: a registry or a directory.

use std::io::Read;

use anyhow::{Context, Result, bail};
use clap::Args;
use soci::{Client, Credentials, Destination, ImageReference, LayoutImage, RegistryImage, Source};

/// How to reach a registry.
#[derive(Args, Default)]
pub(crate) struct Access {
    /// User name for the registry [default: from Docker's configuration]
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    username: Option<String>,
    /// Read the password from standard input
    #[arg(long, requires = "username")]
    password_stdin: bool,
    /// Speak plain HTTP to the registry (registries of this machine always get it)
    #[arg(long)]
    plain_http: bool,
}

impl Access {
    /// The credentials of the command line, read once.
    pub(crate) fn credentials(&self) -> Result<Option<Credentials>> {
        /// Longer than any password or token.
        const LIMIT: u64 = 64 << 10;
        let Some(username) = self.username.clone() else {
            return Ok(None);
        };
        let mut password = String::new();
        std::io::stdin()
            .take(LIMIT)
            .read_to_string(&mut password)
            .context("reading the password from standard input")?;
        let password = password.trim_end_matches(['\r', '\n']).to_owned();
        if password.is_empty() {
            bail!("no password on standard input");
        }
        Ok(Some(Credentials::Basic { username, password }))
    }
}

/// A place to read an image from, and to write beside it.
pub(crate) trait Store: Source + Destination {}

impl<T: Source + Destination> Store for T {}

/// An image somewhere.
pub(crate) enum Place {
    Layout(LayoutImage),
    Registry(RegistryImage),
}

impl Place {
    pub(crate) async fn open(
        text: &str,
        access: &Access,
        credentials: Option<&Credentials>,
    ) -> Result<Self> {
        if let Some(directory) = text.strip_prefix("oci:") {
            // A directory, or one of the images in it by name; a directory may have a colon.
            if let Some((directory, name)) = directory.rsplit_once(':')
                && !name.contains('/')
            {
                return Ok(Self::Layout(LayoutImage::named(directory, name)));
            }
            return Ok(Self::Layout(LayoutImage::new(directory)));
        }
        let reference: ImageReference = text.parse()?;
        let mut client = Client::new()?;
        if access.plain_http {
            client = client.with_plain_http();
        }
        let credentials = match credentials {
            Some(credentials) => credentials.clone(),
            None => Credentials::from_docker_config(&reference).await?,
        };
        Ok(Self::Registry(client.image(reference, credentials)))
    }

    /// Whether another image is in the same registry.
    pub(crate) fn is_in_registry_of(&self, other: &str) -> bool {
        match (self, other.parse::<ImageReference>()) {
            (Self::Registry(own), Ok(other)) => own.reference().registry() == other.registry(),
            _ => false,
        }
    }

    pub(crate) fn store(&self) -> &dyn Store {
        match self {
            Self::Layout(image) => image,
            Self::Registry(image) => image,
        }
    }

    /// The name of the image here: its tag, or what the layout calls it.
    pub(crate) async fn name(&self) -> Result<Option<String>> {
        match self {
            Self::Layout(image) => Ok(image.name().await?),
            Self::Registry(image) if image.reference().digest().is_some() => Ok(None),
            Self::Registry(image) => Ok(image.reference().tag().map(str::to_owned)),
        }
    }
}
