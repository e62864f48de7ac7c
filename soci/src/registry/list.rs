//! Listing of tags, and page-by-page reading of any list.

use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::auth::Operation::Pull;
use super::connection::{Answer, Request};
use super::image::RegistryImage;
use crate::error::RegistryError;
use crate::error::{Error, Result};
use crate::oci::json;
use crate::store::MAX_MANIFEST;

/// Maximum number of pages of a list.
const MAX_PAGES: usize = 1000;
/// Maximum size of a list in bytes.
const MAX_LIST: usize = 64 << 20;

#[derive(Deserialize)]
struct TagPage {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl RegistryImage {
    /// Lists the repository's tags; empty if the repository does not exist.
    ///
    /// # Errors
    /// If the registry refuses the request or cannot be reached, or the list is too long.
    pub async fn tags(&self) -> Result<Vec<String>> {
        let what = format!("tags of {}", self.reference().name());
        let url = self.connection.url("tags/list?n=1000")?;
        let request = Request::new(Method::GET, url);
        let first = match self.page(&request).await {
            Ok(first) => first,
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let pages: Vec<TagPage> = self.pages(&what, request, first).await?;
        let tags = pages.into_iter().filter_map(|page| page.tags);
        Ok(tags.flatten().collect())
    }

    /// Requests one page of a list.
    pub(super) async fn page(&self, request: &Request) -> Result<Answer, RegistryError> {
        self.connection.read(Pull, request, MAX_MANIFEST).await
    }

    /// Reads all pages of a list, given the first page and its request. An error on a later page
    /// fails the whole operation: a partial list is never taken for the whole list.
    pub(super) async fn pages<T: DeserializeOwned>(
        &self,
        what: &str,
        mut request: Request,
        first: Answer,
    ) -> Result<Vec<T>> {
        let mut pages = Vec::new();
        let mut size = 0;
        let mut answer = first;
        loop {
            let next = self.connection.next_page(&answer)?;
            let bytes = answer.body.ok_or_else(|| Error::TooLarge {
                what: what.to_owned(),
                limit: MAX_MANIFEST,
            })?;
            size += bytes.len();
            if size > MAX_LIST || pages.len() == MAX_PAGES {
                return Err(Error::List {
                    what: what.to_owned(),
                    reason: "the list does not end",
                });
            }
            pages.push(json::from_slice(what, &bytes)?);
            answer = match next {
                Some(next) => {
                    request.url = next;
                    self.page(&request).await?
                }
                None => return Ok(pages),
            };
        }
    }
}
