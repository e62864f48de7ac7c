//! Sources of credentials, tried in order.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::Credentials;
use crate::error::Tried;
use crate::oci::ImageReference;

/// Name of the attempt without credentials.
const NONE: &str = "no credentials";

/// A place that may have credentials for a registry.
#[async_trait]
pub trait CredentialSource: Send + Sync {
    /// Returns the name of the source for messages.
    fn name(&self) -> String;

    /// Returns the credentials for the registry and repository of `image`, or `None` if the source
    /// has none.
    ///
    /// # Errors
    /// If the lookup fails. The sources after this one are tried all the same.
    async fn find(
        &self,
        image: &ImageReference,
    ) -> Result<Option<Credentials>, Arc<dyn std::error::Error + Send + Sync>>;
}

/// Sources of credentials for one repository.
///
/// Each source is asked at most once, and only if the registry rejected the credentials of those
/// before it: a status of 401 or 403 leads to the next source. Cheap to clone; clones share the
/// sources' results.
#[derive(Clone)]
pub struct CredentialChain {
    links: Vec<Arc<Link>>,
}

struct Link {
    source: Box<dyn CredentialSource>,
    said: OnceCell<Result<Option<Credentials>, Tried>>,
}

impl From<Credentials> for CredentialChain {
    /// Makes a chain of only these credentials: a caller that names them wants no others.
    fn from(credentials: Credentials) -> Self {
        let name = match credentials {
            Credentials::Anonymous => NONE,
            _ => "the given credentials",
        };
        Self::named(name, credentials)
    }
}

impl CredentialChain {
    /// Makes a chain of only these credentials, under the given name in messages.
    pub fn named(name: &'static str, credentials: Credentials) -> Self {
        Self::empty().then(Given { name, credentials })
    }

    pub(super) fn empty() -> Self {
        Self { links: Vec::new() }
    }

    /// Adds a source after the others.
    #[must_use]
    pub fn then(mut self, source: impl CredentialSource + 'static) -> Self {
        self.links.push(Arc::new(Link {
            source: Box::new(source),
            said: OnceCell::new(),
        }));
        self
    }

    /// Adds an attempt without credentials, which public images allow.
    #[must_use]
    pub fn then_anonymous(self) -> Self {
        self.then(Given {
            name: NONE,
            credentials: Credentials::Anonymous,
        })
    }

    /// Returns the first credentials that a source has for the repository of `image`, and the
    /// results of the sources before it.
    pub async fn first(&self, image: &ImageReference) -> (Option<Credentials>, Vec<Tried>) {
        let mut tried = Vec::new();
        for index in 0..self.links.len() {
            match self.get(index, image).await {
                Ok(Credentials::Anonymous) => {}
                Ok(credentials) => return (Some(credentials), tried),
                Err(reason) => tried.push(reason),
            }
        }
        (None, tried)
    }

    pub(in crate::registry) fn len(&self) -> usize {
        self.links.len()
    }

    pub(in crate::registry) fn name(&self, index: usize) -> String {
        self.links[index].source.name()
    }

    /// Returns the credentials of a source, or the reason why it has none.
    pub(in crate::registry) async fn get(
        &self,
        index: usize,
        image: &ImageReference,
    ) -> Result<Credentials, Tried> {
        let link = &self.links[index];
        let ask = || async {
            let found = link.source.find(image).await;
            found.map_err(|reason| Tried::failed(link.source.name(), reason))
        };
        match link.said.get_or_init(ask).await.clone()? {
            Some(credentials) => Ok(credentials),
            None => Err(Tried::none(link.source.name())),
        }
    }
}

/// Credentials that are given directly.
struct Given {
    name: &'static str,
    credentials: Credentials,
}

#[async_trait]
impl CredentialSource for Given {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    async fn find(
        &self,
        _: &ImageReference,
    ) -> Result<Option<Credentials>, Arc<dyn std::error::Error + Send + Sync>> {
        Ok(Some(self.credentials.clone()))
    }
}
