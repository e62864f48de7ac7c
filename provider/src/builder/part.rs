//! The parts of a builder in AWS, and how each is reconciled.
//!
//! A part is an object in AWS whose name is derived from the builder's: a [`role`], a
//! [`log_group`], a [`function`], the [`rule`] or the [`table`]. Each kind implements [`Part`] in
//! its own file, which defines what is desired, how it is observed, and which requests create,
//! change and delete it. The order of these steps, tags, waiting and diagnostics are the same for
//! all kinds and implemented here.
//!
//! To add a kind, implement [`Part`] and add it in [`super::parts`].

mod difference;
pub(super) mod function;
pub(super) mod log_group;
pub(super) mod role;
pub(super) mod rule;
pub(super) mod table;

use std::future::Future;

use tfplugin_sdk::Diagnostic;

use super::tags::{self, DesiredTags, Tags};
use crate::aws::AwsError;
use crate::shared::Session;

/// A part, identified by its name and whatever else is needed to find it.
pub(super) trait Part: Sync {
    /// Name of the kind in diagnostics.
    const KIND: &'static str;
    /// The part as it should be.
    type Desired: Sync;
    /// The part as AWS reports it.
    type Observed: Send + Sync;

    /// Returns the name under which a user finds the part.
    fn name(&self) -> &str;

    /// Observes the part and its tags.
    ///
    /// # Errors
    /// An error for which [`AwsError::is_not_found`] is true means that the part does not exist, as
    /// does `None`.
    fn observe(
        &self,
        session: &Session<'_>,
    ) -> impl Future<Output = Result<Option<Observed<Self>>, AwsError>> + Send;

    /// Returns whether the part exists, with a single request.
    fn exists(&self, session: &Session<'_>) -> impl Future<Output = Result<bool, AwsError>> + Send;

    /// Requests the part with its tags, and returns its initial state, which
    /// [`change`](Self::change) completes.
    fn create(
        &self,
        session: &Session<'_>,
        desired: &Self::Desired,
        tags: &Tags,
    ) -> impl Future<Output = Result<Self::Observed, AwsError>> + Send;

    /// Waits until the newly created part can be used.
    fn wait_until_created(
        &self,
        session: &Session<'_>,
    ) -> impl Future<Output = Result<(), AwsError>> + Send {
        let _ = session;
        std::future::ready(Ok(()))
    }

    /// Changes what differs.
    fn change(
        &self,
        session: &Session<'_>,
        desired: &Self::Desired,
        observed: &Self::Observed,
    ) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Sets these tags, leaving others alone.
    fn tag(
        &self,
        session: &Session<'_>,
        tags: &Tags,
    ) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Removes the tags with these keys.
    fn untag(
        &self,
        session: &Session<'_>,
        keys: Vec<String>,
    ) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Deletes the part with everything that belongs to it.
    fn delete(&self, session: &Session<'_>) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Describes the differences that have no attribute of their own. (The value of an attribute is
    /// taken from the same observation, so it cannot differ.)
    fn differences(desired: &Self::Desired, observed: &Self::Observed) -> Vec<String>;
}

/// A part as AWS has it.
#[derive(Debug, Clone)]
pub(super) struct Observed<P: Part + ?Sized> {
    pub properties: P::Observed,
    /// `None` if the service does not support tags, as in some isolated regions.
    pub tags: Option<Tags>,
}

/// Whether [`apply`] had to create the part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Applied {
    Created,
    Changed,
}

/// Observes a part.
pub(super) async fn observe<P: Part>(
    session: &Session<'_>,
    part: &P,
) -> Result<Option<Observed<P>>, Diagnostic> {
    match part.observe(session).await {
        Ok(observed) => Ok(observed),
        // Deleted while being observed.
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(diagnose("reading", part, &error)),
    }
}

/// Creates the part if it does not exist, and otherwise changes what differs.
pub(super) async fn apply<P: Part>(
    session: &Session<'_>,
    part: &P,
    desired: &P::Desired,
    tags: &DesiredTags,
    observed: Option<Observed<P>>,
) -> Result<Applied, Diagnostic> {
    let (applied, doing) = match &observed {
        None => (Applied::Created, "creating"),
        Some(_) => (Applied::Changed, "changing"),
    };
    let reconcile = async {
        let observed = match observed {
            Some(observed) => observed,
            None => create(session, part, desired, tags.of_new()).await?,
        };
        part.change(session, desired, &observed.properties).await?;
        retag(session, part, tags, observed.tags.as_ref()).await
    };
    match reconcile.await {
        Ok(()) => Ok(applied),
        Err(error) => Err(diagnose(doing, part, &error)),
    }
}

/// Creates the part. If it already exists because a response from AWS was lost, it is the requested
/// part and is accepted as such.
async fn create<P: Part>(
    session: &Session<'_>,
    part: &P,
    desired: &P::Desired,
    tags: &Tags,
) -> Result<Observed<P>, AwsError> {
    let created = match part.create(session, desired, tags).await {
        Ok(properties) => Observed {
            properties,
            tags: Some(tags.clone()),
        },
        Err(taken) if taken.is_taken() => {
            let found = session.call.find_new(|| part.observe(session)).await?;
            let is_own = |seen: &Tags| tags::have_one_owner(seen, tags);
            let own = found.filter(|found| found.tags.as_ref().is_some_and(is_own));
            own.ok_or(taken)?
        }
        Err(error) => return Err(error),
    };
    part.wait_until_created(session).await?;
    Ok(created)
}

/// Changes the tags that differ. Surplus tags are removed first, because IAM does not distinguish
/// keys that differ only in case, and allows at most 50.
async fn retag<P: Part>(
    session: &Session<'_>,
    part: &P,
    desired: &DesiredTags,
    observed: Option<&Tags>,
) -> Result<(), AwsError> {
    let Some(observed) = observed else {
        return Ok(());
    };
    let surplus = desired.surplus(observed);
    if !surplus.is_empty() {
        part.untag(session, surplus).await?;
    }
    let missing = desired.missing(observed);
    if !missing.is_empty() {
        part.tag(session, &missing).await?;
    }
    Ok(())
}

/// Deletes a part, and waits until it is gone.
pub(super) async fn delete<P: Part>(session: &Session<'_>, part: &P) -> Result<(), Diagnostic> {
    let delete = async {
        session.call.delete(|| part.delete(session)).await?;
        let gone = async || Ok(!part.exists(session).await?);
        session.call.until(gone).await
    };
    if_exists(delete.await).map_err(|error| diagnose("deleting", part, &error))
}

fn diagnose<P: Part>(doing: &str, part: &P, error: &AwsError) -> Diagnostic {
    error.diagnose(&format!("{doing} the {} {:?}", P::KIND, part.name()))
}

/// Returns a line for each difference.
pub(super) fn drift<P: Part>(
    part: &P,
    desired: &P::Desired,
    tags: &DesiredTags,
    observed: Option<&Observed<P>>,
) -> Vec<String> {
    let mut differences = Vec::new();
    match observed {
        None => differences.push("missing".to_owned()),
        Some(observed) => {
            differences.extend(P::differences(desired, &observed.properties));
            let observed = observed.tags.as_ref();
            if observed.is_some_and(|observed| !tags.are_those_of(observed)) {
                differences.push("tags changed".to_owned());
            }
        }
    }
    let line = |difference| format!("{} {:?}: {difference}", P::KIND, part.name());
    differences.into_iter().map(line).collect()
}

/// An existing part of any kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Existing<'a> {
    pub kind: &'static str,
    pub name: &'a str,
    pub tags: Option<&'a Tags>,
}

/// Returns the part if it exists.
pub(super) fn existing<'a, P: Part>(
    part: &'a P,
    observed: &'a Option<Observed<P>>,
) -> Option<Existing<'a>> {
    observed.as_ref().map(|observed| Existing {
        kind: P::KIND,
        name: part.name(),
        tags: observed.tags.as_ref(),
    })
}

/// Converts the result of a request for an object into whether the object exists.
fn exists<T>(result: Result<T, AwsError>) -> Result<bool, AwsError> {
    match result {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Converts the result of a request for tags into `None` if the service does not support tags.
fn if_supported<T>(result: Result<T, AwsError>) -> Result<Option<T>, AwsError> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_unsupported() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Ignores the error that an object to be deleted does not exist.
fn if_exists<T>(result: Result<T, AwsError>) -> Result<(), AwsError> {
    exists(result).map(drop)
}
