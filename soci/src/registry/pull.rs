//! Pulls of manifests.

use reqwest::Method;

use super::auth::Operation::Pull;
use super::image::RegistryImage;
use super::manifest::content_type;
use crate::error::{Error, Result};
use crate::oci::{Digest, Manifest};
use crate::store::MAX_MANIFEST;

impl RegistryImage {
    /// Pulls the manifest that a tag or digest of this repository names.
    ///
    /// # Errors
    /// If there is none, or it does not match the digest.
    pub async fn pull_manifest(&self, name: impl ToString) -> Result<Manifest> {
        let name = name.to_string();
        let digest = name.parse().ok();
        self.pull(&name, digest).await
    }

    /// Pulls a manifest, which must have the digest `want` if that is given.
    pub(super) async fn pull(&self, name: &str, want: Option<Digest>) -> Result<Manifest> {
        let request = self.manifest_request(Method::GET, name)?;
        let answer = self.connection.read(Pull, &request, MAX_MANIFEST).await?;
        let what = || format!("manifest {}@{name}", self.reference().name());
        let bytes = answer.body.ok_or_else(|| Error::TooLarge {
            what: what(),
            limit: MAX_MANIFEST,
        })?;
        let manifest = Manifest::new(&content_type(&answer.headers), bytes);
        let got = manifest.descriptor.digest;
        match want.filter(|want| *want != got) {
            None => Ok(manifest),
            Some(want) => Err(Error::DigestMismatch {
                what: what(),
                got,
                want,
            }),
        }
    }
}
