//! Decides from manifests alone whether images have an index.
//!
//! - V2: `<tag>` and `<tag>-soci` are compared. The latter must be an image index that lists SOCI
//!   indexes and whose other manifests run the same layers with the same configurations as the
//!   former. Or it is the former itself, because no layer can be indexed.
//! - V1: the SOCI indexes of a repository name the image manifests that they belong to.
//!
//! Whether an index was built with other options, or lacks a blob, is not checked.
//!
//! It also finds outputs whose source is gone (V2). Archived sources do not count as gone.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::catalog::{Catalog, Failure, Found, MANIFESTS, Tagged};
use super::document::{Content, Document};
use crate::event::{DeletionEvent, PushEvent};
use crate::output_mark;
use crate::scope::{IndexVersion, SOCI_INDEXES, Scope};
use crate::tag_suffix::TagSuffix;

/// Maximum number of SOCI indexes (V1) of a repository kept in memory: as many as it may have
/// images.
const MAX_SUBJECTS: usize = 100_000;

pub(super) struct Judge {
    pub catalog: Catalog,
    version: IndexVersion,
    suffix: TagSuffix,
    /// Image manifests of the current repository that have an index (V1), once loaded.
    subjects: Option<HashSet<String>>,
    /// Tags of archived images in the current repository, once loaded.
    archived: Option<HashSet<String>>,
}

impl Judge {
    pub(super) fn new(catalog: Catalog, scope: &Scope) -> Self {
        Self {
            catalog,
            // Same default as in the index generator.
            version: scope.version.unwrap_or(IndexVersion::V2),
            suffix: scope.suffix.clone(),
            subjects: None,
            archived: None,
        }
    }

    /// Switches to another repository.
    pub(super) fn enter(&mut self) {
        self.subjects = None;
        self.archived = None;
    }

    /// Returns for each of the pushes to a repository whether the image has an index.
    pub(super) async fn are_indexed(
        &mut self,
        repository: &str,
        pushes: &[PushEvent],
    ) -> Result<Vec<bool>, String> {
        if pushes.is_empty() {
            return Ok(Vec::new());
        }
        match self.version {
            IndexVersion::V1 => self.have_referrers(repository, pushes).await,
            IndexVersion::V2 => self.have_outputs(repository, pushes).await,
        }
    }

    /// Returns the deletions that still need handling: the tag is gone, but its output exists, is a
    /// SOCI-enabled image, and is marked as the index generator's own (V2).
    pub(super) async fn orphans<'a>(
        &mut self,
        repository: &str,
        deletions: &'a [DeletionEvent],
    ) -> Result<Vec<&'a DeletionEvent>, String> {
        if deletions.is_empty() || self.version != IndexVersion::V2 {
            return Ok(Vec::new());
        }
        let sources: Vec<_> = deletions
            .iter()
            .filter_map(|its| its.image.tag.clone())
            .collect();
        let found = self.catalog.tagged(repository, &sources).await?;
        let there: HashSet<String> = found.into_iter().filter_map(|found| found.tag).collect();
        let is_gone = |its: &&DeletionEvent| {
            let tag = its.image.tag.as_ref();
            tag.is_some_and(|tag| !there.contains(tag))
        };
        let gone: Vec<&DeletionEvent> = deletions.iter().filter(is_gone).collect();
        let outputs: Vec<_> = gone
            .iter()
            .filter_map(|its| self.output(&its.image))
            .collect();
        if outputs.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.catalog.tagged(repository, &outputs).await?;
        let mut marks = HashMap::new();
        for its in gone {
            let output = self.output(&its.image);
            let found = found
                .iter()
                .find(|found| found.tag.is_some() && found.tag == output);
            let Some((tag, found)) = output.zip(found) else {
                continue;
            };
            if Document::parse(&found.manifest).is_some_and(|it| it.is_soci_enabled()) {
                let mark = output_mark::of(&its.image, found.manifest.as_bytes(), &tag);
                let mark = mark.map_err(|error| error.to_string())?;
                marks.insert(mark.descriptor.digest.to_string(), its);
            }
        }
        if marks.is_empty() {
            return Ok(Vec::new());
        }
        let digests = marks.keys().map(String::as_str);
        let found = self.catalog.with_digests(repository, digests).await?;
        let marked = found.iter().filter_map(|mark| marks.get(&mark.digest));
        let mut marked: Vec<_> = marked.copied().collect();
        if marked.is_empty() {
            return Ok(marked);
        }
        let archived = self.archived(repository).await?;
        marked.retain(|its| {
            its.image
                .tag
                .as_ref()
                .is_some_and(|tag| !archived.contains(tag))
        });
        marked.sort_by(|a, b| a.image.tag.cmp(&b.image.tag));
        Ok(marked)
    }

    /// Returns the archived tags of the current repository.
    async fn archived(&mut self, repository: &str) -> Result<&HashSet<String>, String> {
        let archived = match self.archived.take() {
            Some(archived) => archived,
            None => self.catalog.archived(repository).await?,
        };
        Ok(self.archived.insert(archived))
    }

    async fn have_outputs(
        &mut self,
        repository: &str,
        pushes: &[PushEvent],
    ) -> Result<Vec<bool>, String> {
        let tags: Vec<_> = pushes.iter().map(|push| self.output(push)).collect();
        let wanted: Vec<String> = tags.iter().flatten().cloned().collect();
        let found = self.catalog.tagged(repository, &wanted).await?.into_iter();
        let outputs: HashMap<String, Found> = found
            .filter_map(|found| Some((found.tag.clone()?, found)))
            .collect();
        let of = |tag: &Option<String>| outputs.get(tag.as_ref()?);
        let made: BTreeSet<&str> = pushes
            .iter()
            .zip(&tags)
            .filter(|(push, tag)| of(tag).is_some_and(|found| found.digest != push.digest()))
            .map(|(push, _)| push.digest())
            .collect();
        let sources = self.documents(repository, made).await?;
        let mut indexed = Vec::new();
        for (push, tag) in pushes.iter().zip(&tags) {
            let is_indexed = match (of(tag), sources.get(push.digest())) {
                (Some(output), _) if output.digest == push.digest() => true,
                (Some(output), Some(source)) => {
                    self.is_made_of(repository, &output.manifest, push, source)
                        .await?
                }
                _ => false,
            };
            indexed.push(is_indexed);
        }
        Ok(indexed)
    }

    fn output(&self, push: &PushEvent) -> Option<String> {
        self.suffix.append(push.tag.as_deref()?)
    }

    async fn is_made_of(
        &mut self,
        repository: &str,
        output: &str,
        push: &PushEvent,
        source: &Document,
    ) -> Result<bool, String> {
        let Some(output) = Document::parse(output).filter(Document::is_soci_enabled) else {
            return Ok(false);
        };
        let of_output = output.listed().unwrap_or_default();
        let of_source = source.listed().unwrap_or_else(|| [push.digest()].into());
        // Manifests that are not indexed, such as attestations, are listed unchanged.
        let rewritten: BTreeSet<&str> = of_output.difference(&of_source).copied().collect();
        let plain: BTreeSet<&str> = of_source.difference(&of_output).copied().collect();
        if rewritten.len() != plain.len() {
            return Ok(false);
        }
        let rewritten = self.contents(repository, &rewritten).await?;
        Ok(rewritten.is_some() && rewritten == self.contents(repository, &plain).await?)
    }

    /// Returns the content of these image manifests, sorted, or `None` if one of them does not
    /// exist.
    async fn contents(
        &mut self,
        repository: &str,
        digests: &BTreeSet<&str>,
    ) -> Result<Option<Vec<Content>>, String> {
        let documents = self.documents(repository, digests.iter().copied()).await?;
        let contents = documents.into_values().filter_map(Document::content);
        let mut contents: Vec<Content> = contents.collect();
        contents.sort_unstable();
        Ok((contents.len() == digests.len()).then_some(contents))
    }

    async fn documents<'a>(
        &mut self,
        repository: &str,
        digests: impl IntoIterator<Item = &'a str>,
    ) -> Result<HashMap<String, Document>, String> {
        let digests: Vec<&str> = digests.into_iter().collect();
        let mut documents = HashMap::new();
        for some in digests.chunks(MANIFESTS) {
            let found = self.catalog.with_digests(repository, some.iter().copied());
            let found = found.await?.into_iter();
            documents.extend(
                found.filter_map(|found| Some((found.digest, Document::parse(&found.manifest)?))),
            );
        }
        Ok(documents)
    }

    async fn have_referrers(
        &mut self,
        repository: &str,
        pushes: &[PushEvent],
    ) -> Result<Vec<bool>, String> {
        let subjects = match self.subjects.take() {
            Some(subjects) => subjects,
            None => self.subjects_of(repository).await?,
        };
        let digests = pushes.iter().map(PushEvent::digest);
        let unknown: BTreeSet<&str> = digests.filter(|its| !subjects.contains(*its)).collect();
        let documents = self.documents(repository, unknown).await?;
        let is_indexed = |push: &PushEvent| {
            let listed = documents.get(push.digest()).and_then(Document::platforms);
            subjects.contains(push.digest())
                || listed.is_some_and(|listed| {
                    !listed.is_empty() && listed.iter().all(|digest| subjects.contains(*digest))
                })
        };
        let indexed = pushes.iter().map(is_indexed).collect();
        self.subjects = Some(subjects);
        Ok(indexed)
    }

    /// Returns the image manifests of a repository that have an index (V1).
    async fn subjects_of(&mut self, repository: &str) -> Result<HashSet<String>, String> {
        let (mut subjects, mut token) = (HashSet::new(), None::<String>);
        loop {
            let page = self
                .catalog
                .page_of(repository, Tagged::No, token.as_deref());
            let page = match page.await {
                Ok(page) => page,
                Err(Failure::Gone) => return Ok(subjects),
                Err(Failure::StalePage(error) | Failure::Other(error)) => return Err(error),
            };
            let indexes = page.images.iter().filter(|image| {
                let kind = image.artifact_media_type.as_deref();
                kind.is_some_and(|kind| SOCI_INDEXES.contains(&kind))
            });
            let indexes = indexes.map(|image| image.digest.as_str());
            let documents = self.documents(repository, indexes).await?.into_values();
            subjects.extend(documents.filter_map(Document::into_subject));
            token = page.next;
            if token.is_none() || subjects.len() >= MAX_SUBJECTS {
                return Ok(subjects);
            }
        }
    }
}
