//! A sweep, which searches the repositories for images without an index, and passes each on to the
//! index generator as the event of its push would have been.
//!
//! ```text
//! repositories ─► pages of images ─► tags in scope ─► indexed? ─► no: index generator
//!  (catalog)        (catalog)          (scope)        (judge)
//! ```
//!
//! Amazon ECR sends events on a best-effort basis, so some pushes are never reported; others arrive
//! while something is broken. A sweep finds both from the registry's content alone. It decides from
//! manifests, with few requests. It may pass on too much, because the index generator checks again,
//! and it never writes anything itself. So two concurrent sweeps cost time but do no harm.
//!
//! If outputs are removed along with their sources, a sweep also finds outputs whose source is
//! gone, and passes each on as the event of the deletion would have been.
//!
//! A sweep processes repositories in the order of their names, and stops before Lambda would stop
//! it: it invokes its own function with its current position (`continuation`).

mod catalog;
mod continuation;
mod counts;
mod document;
mod judge;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::config::Config;
use crate::event::{DeletionEvent, MAX_EVENT, PushEvent};
use crate::filters::Filters;
use crate::grammar::is_tag;
use crate::invoke::{InvokeFailed, Invoker};
use crate::log;
use crate::metrics::About;
use crate::runtime::Invocation;
use crate::source::Source;
use crate::sweep_request::{InvalidNarrowing, is_request, narrow, narrowing};
use catalog::{Catalog, Failure, Image};
use continuation::{Continuation, Place};
use counts::Counts;
use judge::Judge;

use continuation::InvalidContinuation;

/// Time before Lambda's deadline at which a sweep continues in another invocation. Longer than a
/// request to Amazon ECR with its retries.
const MARGIN: Duration = Duration::from_secs(45);
/// Pause between two images that are passed on. Indexing an image pushes up to five manifests, and
/// Amazon ECR accepts ten per second.
const PACE: Duration = Duration::from_millis(500);
/// Number of tags that are judged together.
const TOGETHER: usize = 10;
/// Number of failures after which an invocation gives up.
const MAX_FAILURES: u64 = 20;
/// Media types of image configurations. Other artifacts have other types.
const IMAGE_CONFIGS: [&str; 2] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
];

/// A sweep requested by an event.
pub(super) struct Request {
    /// The position at which to start or continue.
    from: Continuation,
    /// Filters that narrow those of the function.
    only: Option<Filters>,
}

/// Reasons why an event in the shape of a sweep request is not a valid one.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidRequest {
    #[error(transparent)]
    Continuation(#[from] InvalidContinuation),
    #[error(transparent)]
    Narrowing(#[from] InvalidNarrowing),
}

/// Returns the sweep that an event requests, if any.
pub(super) fn requested(event: &str) -> Option<Result<Request, InvalidRequest>> {
    // Anything longer is not a valid event, which the next reader reports.
    let bounded = Some(event).filter(|event| event.len() <= MAX_EVENT)?;
    let event: Value = serde_json::from_str(bounded).ok()?;
    is_request(&event).then(|| {
        Ok(Request {
            from: Continuation::read(&event)?,
            only: narrowing(&event)?,
        })
    })
}

/// Reasons why a sweep is incomplete.
#[derive(Debug, thiserror::Error)]
pub(super) enum SweepFailed {
    #[error("cannot list the repositories: {0}")]
    Repositories(String),
    #[error("the sweep is incomplete: {counts}; first failure: {first}")]
    Incomplete { first: String, counts: Counts },
    #[error("the time limit was reached, and continuing in another invocation failed: {0}")]
    GoOn(#[from] InvokeFailed),
    #[error("the function's own ARN {0:?} names no account and region")]
    Arn(String),
}

/// A sweep, as far as one invocation gets.
pub(super) struct Sweep<'a> {
    config: &'a Config,
    invoker: &'a Invoker,
    judge: Judge,
    /// Filters that an image must match in addition to those of the function.
    only: Option<Filters>,
    account: String,
    region: String,
    pace: Interval,
    until: Instant,
    counts: Counts,
    first_failure: Option<String>,
}

impl<'a> Sweep<'a> {
    /// Prepares a sweep within the remaining time of an invocation.
    pub(super) async fn new(
        config: &'a Config,
        invoker: &'a Invoker,
        invocation: &Invocation,
    ) -> Result<Self, SweepFailed> {
        let owner = invocation.account().zip(invocation.region());
        let (account, region) = owner.ok_or_else(|| {
            let arn = invocation.arn().chars().take(200).collect();
            SweepFailed::Arn(arn)
        })?;
        let remaining = invocation.remaining();
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let catalog = Catalog::open(config.ecr_endpoint.as_deref()).await;
        Ok(Self {
            config,
            invoker,
            judge: Judge::new(catalog, &config.scope),
            only: None,
            account: account.to_owned(),
            region: region.to_owned(),
            pace,
            until: Instant::now() + (remaining - MARGIN.min(remaining / 4)),
            counts: Counts::default(),
            first_failure: None,
        })
    }

    /// Runs the requested sweep. Returns a summary of what was found.
    pub(super) async fn run(
        mut self,
        request: Request,
        invocation: &Invocation,
    ) -> Result<String, SweepFailed> {
        let Request { from, only } = &request;
        self.only.clone_from(only);
        let ended = self.sweep(from).await;
        let metrics = self.counts.metrics(self.config.delete_with_source);
        About::new(invocation).write(&metrics);
        let rest = ended?;
        let counts = from.counts + self.counts;
        if let Some((repository, place)) = rest {
            // Not an error, whatever failed so far: each of Lambda's retries would continue as
            // well.
            return self
                .go_on(from, invocation, repository, place, counts)
                .await;
        }
        if counts.failed == 0 {
            return Ok(match &self.only {
                None => format!("swept: {counts}"),
                Some(only) => format!("swept: {counts}; only {only} was asked for"),
            });
        }
        let first = self.first_failure;
        let earlier = || "in an earlier invocation, whose log says why".to_owned();
        Err(SweepFailed::Incomplete {
            first: first.unwrap_or_else(earlier),
            counts,
        })
    }

    async fn go_on(
        &self,
        from: &Continuation,
        invocation: &Invocation,
        repository: String,
        place: Place,
        counts: Counts,
    ) -> Result<String, SweepFailed> {
        let Some(next) = from.next(repository, place, counts) else {
            tracing::warn!(
                "the sweep ends after {} invocations: the next one starts over and skips what \
                 is already indexed",
                continuation::MAX
            );
            return Ok(format!("swept a part: {counts}"));
        };
        let mut event = next.write();
        if let Some(only) = &self.only {
            narrow(&mut event, only.texts());
        }
        let event = event.to_string();
        let request = self.invoker.invoke(invocation.arn(), &event).await?;
        Ok(format!(
            "swept a part: {counts}; request {request} goes on, number {} of {} at most",
            next.number,
            continuation::MAX
        ))
    }

    /// Returns the position at which the time ran out, if it did.
    async fn sweep(&mut self, from: &Continuation) -> Result<Option<(String, Place)>, SweepFailed> {
        for name in self.repositories().await? {
            if name < from.repository {
                continue;
            }
            let place = match name == from.repository {
                true => from.place.clone(),
                false => Place::default(),
            };
            match self.repository(&name, place).await {
                Ok(None) => {}
                Ok(Some(place)) => return Ok(Some((name, place))),
                Err(error) => self.failed(&format!("repository {name}"), &error),
            }
            if self.counts.failed >= MAX_FAILURES {
                tracing::error!("the sweep gives up after {MAX_FAILURES} failures");
                break;
            }
        }
        Ok(None)
    }

    /// Returns the repositories to look at, sorted.
    async fn repositories(&mut self) -> Result<Vec<String>, SweepFailed> {
        let filters = self.config.selection.filters();
        let only = self.only.as_ref();
        let exact = filters.exact_repositories();
        let mut names = match exact.or_else(|| only?.exact_repositories()) {
            Some(names) => names,
            None => {
                let named = self.judge.catalog.repositories(filters).await;
                named.map_err(SweepFailed::Repositories)?
            }
        };
        let may_match = |name: &str| only.is_none_or(|only| only.may_match(name));
        names.retain(|name| filters.may_match(name) && may_match(name));
        Ok(names)
    }

    /// Sweeps a repository, starting at `place`. Returns the position at which the time ran out, if
    /// it did.
    async fn repository(&mut self, name: &str, mut place: Place) -> Result<Option<Place>, String> {
        self.judge.enter();
        let mut resumes = place.token.is_some();
        loop {
            if self.is_over() {
                return Ok(Some(place));
            }
            let page = match self.judge.catalog.page(name, place.token.as_deref()).await {
                Ok(page) => page,
                // Deleted in the meantime, or named by a filter but not created yet.
                Err(Failure::Gone) => return Ok(None),
                Err(Failure::StalePage(_)) if resumes => {
                    tracing::warn!(
                        "repository {name}: the page token has expired; starting again from the first page"
                    );
                    (place, resumes) = (Place::default(), false);
                    continue;
                }
                Err(Failure::StalePage(error) | Failure::Other(error)) => return Err(error),
            };
            for (group, images) in page.images.chunks(TOGETHER).enumerate() {
                let done = group * TOGETHER;
                if done < place.done {
                    continue;
                }
                let deletions = self.deletions(name, images);
                for together in deletions.chunks(TOGETHER) {
                    if self.is_over() {
                        place.done = done;
                        return Ok(Some(place));
                    }
                    self.remove_orphans(name, together).await?;
                }
                let pushes = images.iter();
                let pushes: Vec<_> = pushes.flat_map(|image| self.pushes(name, image)).collect();
                for together in pushes.chunks(TOGETHER) {
                    if self.is_over() {
                        place.done = done;
                        return Ok(Some(place));
                    }
                    self.examine(name, together).await?;
                    if self.counts.failed >= MAX_FAILURES {
                        return Ok(None);
                    }
                }
                if self.counts.failed >= MAX_FAILURES {
                    return Ok(None);
                }
            }
            match page.next {
                Some(token) => (place, resumes) = (Place::of(token), false),
                None => return Ok(None),
            }
        }
    }

    /// Returns the pushes of an image, one for each tag in scope.
    fn pushes(&self, repository: &str, image: &Image) -> Vec<PushEvent> {
        let kind = image.artifact_media_type.as_deref();
        if kind.is_some_and(|kind| !IMAGE_CONFIGS.contains(&kind)) {
            return Vec::new();
        }
        let tags = image.tags.iter();
        let pushes = tags.map(|tag| self.push(repository, image, tag));
        let (scope, selection) = (&self.config.scope, &self.config.selection);
        pushes
            .filter(|push| self.is_asked_for(push) && scope.decide(selection, push).is_ok())
            .collect()
    }

    /// Returns whether an image is included in a narrowed sweep.
    fn is_asked_for(&self, image: &PushEvent) -> bool {
        let tag = image.tag.as_deref().unwrap_or_default();
        let only = self.only.as_ref();
        only.is_none_or(|only| only.find(&image.repository, tag).is_some())
    }

    /// Returns the deletions that may have been missed, one for each output tag of the given
    /// images.
    fn deletions(&self, repository: &str, images: &[Image]) -> Vec<DeletionEvent> {
        if !self.config.delete_with_source {
            return Vec::new();
        }
        let (scope, selection) = (&self.config.scope, &self.config.selection);
        let suffix = scope.suffix.as_str();
        let mut deletions = Vec::new();
        for image in images {
            let sources = image.tags.iter().filter_map(|tag| tag.strip_suffix(suffix));
            for source in sources.filter(|source| is_tag(source)) {
                let image = self.push(repository, image, source);
                let is_asked_for = self.is_asked_for(&image);
                let deletion = DeletionEvent { image };
                if is_asked_for && scope.decide_deletion(selection, &deletion).is_ok() {
                    deletions.push(deletion);
                }
            }
        }
        deletions
    }

    fn push(&self, repository: &str, image: &Image, tag: &str) -> PushEvent {
        // The actual source is unknown, so use one that the builder accepts.
        let source = self.config.scope.sources.iter().next();
        PushEvent {
            source: source.unwrap_or(Source::Push),
            account: self.account.clone(),
            region: self.region.clone(),
            repository: repository.to_owned(),
            digest: Some(image.digest.clone()),
            tag: Some(tag.to_owned()),
            manifest_media_type: image.manifest_media_type.clone(),
            artifact_media_type: image.artifact_media_type.clone(),
        }
    }

    /// Passes on those pushes in a repository whose images have no index.
    async fn examine(&mut self, repository: &str, pushes: &[PushEvent]) -> Result<(), String> {
        let indexed = self.judge.are_indexed(repository, pushes).await?;
        for (push, indexed) in pushes.iter().zip(indexed) {
            self.counts.looked_at += 1;
            if indexed {
                self.counts.indexed += 1;
            } else {
                let event = push.to_json(&push.id(), &now());
                if self.hand_on(push, &event, "has no index").await {
                    self.counts.handed_on += 1;
                }
            }
        }
        Ok(())
    }

    /// Passes on the deletion of each source that is gone but whose output still exists.
    async fn remove_orphans(
        &mut self,
        repository: &str,
        deletions: &[DeletionEvent],
    ) -> Result<(), String> {
        for deletion in self.judge.orphans(repository, deletions).await? {
            let image = &deletion.image;
            let event = deletion.to_json(&image.id(), &now());
            let why = "was deleted, but its index was not";
            if self.hand_on(image, &event, why).await {
                self.counts.orphaned += 1;
            }
        }
        Ok(())
    }

    /// Passes an event on. Returns whether that succeeded.
    async fn hand_on(&mut self, push: &PushEvent, event: &Value, why: &str) -> bool {
        self.pace.tick().await;
        let image = push.image();
        let event = event.to_string();
        match self.invoker.invoke(&self.config.generator, &event).await {
            Ok(request) => {
                let (digest, repository) = (push.digest(), &push.repository);
                tracing::info!(
                    repository,
                    tag = push.tag,
                    digest,
                    "{image} {why}: handed on to the index generator; request {request}"
                );
                true
            }
            Err(error) => {
                self.failed(&image, &error.to_string());
                false
            }
        }
    }

    fn failed(&mut self, what: &str, error: &str) {
        tracing::error!("{what}: {error}");
        self.counts.failed += 1;
        let failure = || format!("{what}: {error}");
        self.first_failure.get_or_insert_with(failure);
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

/// Returns the current time in the format of an event, in whole seconds.
fn now() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = Duration::from_secs(now.unwrap_or_default().as_secs());
    log::timestamp(UNIX_EPOCH + seconds)
}
