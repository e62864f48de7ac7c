//! The index generator, which builds and publishes the SOCI index of a pushed image.
//!
//! ```text
//! event ─► PushEvent ─► Scope ─► Token ─► IndexJob ─► answer, log, metrics
//!          (event)      (scope)  (registry)  │  (job)
//!                                            ├─ the image still has the tag?
//!                                            ├─ it is indexed already?
//!                                            ├─ soci::index: layers ─► zTOCs ─► index
//!                                            ├─ blobs, then manifests, then <tag>-soci
//!                                            └─ the image still has the tag?
//! ```
//!
//! The outcome may be reported to an event bus (`completion`).
//!
//! Each invocation processes one event. The event is checked in full ([`PushEvent`]) and ignored if
//! it does not concern the builder ([`Scope`](crate::scope::Scope)); neither takes a request. The
//! authorization token names the registry; an event never does. The rest is an `IndexJob`, which
//! must finish within the time that Lambda allows, less a margin, so that the reason is reported
//! before Lambda terminates it.
//!
//! Layers are remembered (`table`) as soon as they are indexed. Layers indexed with an earlier
//! push, or by a failed attempt, are not read again.
//!
//! A deletion event takes the same path up to the registry, where the output of the deleted tag is
//! removed (`removal`) if the function is configured to do so.
//!
//! An invocation ends in one of four ways:
//!
//! - It indexed or removed something, or there was nothing to do, in which case the response states
//!   the reason. Retrying would change nothing, so neither is an error.
//! - It ran out of time after some layers, and passed the event on (`continuation`).
//! - It failed, but another attempt may succeed: Lambda retries as often as it is configured to.
//! - It failed permanently (`Error::is_final`). Only an error reaches the failure destination, and
//!   only after all retries, so this is an error too; `FinalFailures` answers the retries.

mod completion;
mod config;
mod continuation;
mod error;
mod failures;
mod job;
mod metrics;
mod progress;
mod registry;
mod removal;
mod table;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use lambda_runtime::Diagnostic;
use soci::Version;
use tokio::sync::OnceCell;
use tracing::Instrument as _;

use crate::ecr;
use crate::event::{DeletionEvent, ImageEvent, PushEvent};
use crate::invoke::Invoker;
use crate::log;
use crate::runtime::{self, Invocation};
use crate::scope::IndexVersion;
use crate::variables::{self, InvalidVariable};
use completion::{Detail, EventBus};
use config::Config;
use error::Error;
use failures::FinalFailures;
use job::{IndexJob, Outcome};
use metrics::Metrics;
use progress::LayerProgress;
use removal::{Ended, RemovalJob};
use table::{KnownLayers, Table};

/// Time before Lambda's deadline at which an invocation ends on its own.
const MARGIN: Duration = Duration::from_secs(10);

/// Runs the function until Lambda terminates it.
pub fn run() -> ExitCode {
    log::init();
    let function = IndexGenerator {
        config: Config::read(&variables::of_process),
        ecr: OnceCell::new(),
        soci: OnceCell::new(),
        table: OnceCell::new(),
        bus: OnceCell::new(),
        invoker: Invoker::default(),
        failures: FinalFailures::default(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime::serve(runtime, async |invocation| {
        function.handle(invocation).await
    })
}

struct IndexGenerator {
    config: Result<Config, InvalidVariable>,
    // Created when an event first needs it.
    ecr: OnceCell<aws_sdk_ecr::Client>,
    soci: OnceCell<soci::Client>,
    table: OnceCell<Table>,
    bus: OnceCell<EventBus>,
    invoker: Invoker,
    failures: FinalFailures,
}

impl IndexGenerator {
    async fn handle(&self, invocation: Invocation) -> Result<String, Diagnostic> {
        let start = Instant::now();
        let span = invocation.span();
        if let Some(answer) = self.failures.recall(invocation.request_id()) {
            let _entered = span.enter();
            let message = &answer.error_message;
            tracing::warn!("not tried again, since the failure is final: {message}");
            return Err(answer);
        }
        let progress = LayerProgress::default();
        let job = self.within_deadline(&invocation, &progress);
        let ended = job.instrument(span.clone()).await;
        let reported = self.report(&invocation, &ended, &progress);
        let reported = reported.instrument(span.clone()).await;
        let _entered = span.enter();
        let metrics = Metrics::new(&invocation, &progress, start.elapsed());
        let metrics = metrics.unreported(reported.map(|taken| u64::from(!taken)));
        let removes = |config: &Config| config.delete_with_source;
        let metrics = metrics.with_removals(self.config.as_ref().is_ok_and(removes));
        match ended {
            Ok(Outcome::Skipped(reason, _) | Outcome::Aliased(reason, _)) => {
                tracing::info!("{reason}");
                metrics.skipped().write();
                Ok(reason)
            }
            Ok(Outcome::Removed(what)) => {
                tracing::info!("{what}");
                metrics.removed().write();
                Ok(what)
            }
            Ok(Outcome::Continued(how)) => {
                tracing::warn!(progress = %progress, "{how}");
                metrics.continued().write();
                Ok(how)
            }
            Ok(Outcome::Indexed(report)) => {
                let answer = progress.summarize(&report, start.elapsed());
                metrics.indexed(&report).write();
                Ok(answer)
            }
            Err(error) => {
                let is_final = error.is_final();
                tracing::error!(progress = %progress, r#final = is_final, "{error}");
                metrics.failed().write();
                let answer = Diagnostic::from(error);
                if is_final {
                    self.failures.remember(invocation.request_id(), &answer);
                }
                Err(answer)
            }
        }
    }

    /// Stops before Lambda would, possibly in the middle of an operation. Everything published by
    /// then is either complete or not referenced. Layers learned by then are not lost: another
    /// invocation continues from there.
    async fn within_deadline(
        &self,
        invocation: &Invocation,
        progress: &LayerProgress,
    ) -> Result<Outcome, Error> {
        let remaining = invocation.remaining();
        let limit = remaining - MARGIN.min(remaining / 10);
        let config = self.config.as_ref().map_err(Clone::clone)?;
        let event = ImageEvent::parse(&invocation.payload, config.delete_with_source)?;
        let image = event.image();
        invocation.about(image);
        let checked = match &event {
            ImageEvent::Push(push) => config.scope.check(push),
            ImageEvent::Deletion(deletion) => config.scope.check_deletion(deletion),
        };
        if let Err(reason) = checked {
            let reason = format!("skipped {}: {reason}", image.image());
            return Ok(Outcome::Skipped(reason, None));
        }
        let known = self.known(config, image).await;
        let work = async {
            let known = known.as_ref();
            match &event {
                ImageEvent::Push(push) => {
                    self.index(config, invocation, push, known, progress).await
                }
                ImageEvent::Deletion(deletion) => {
                    self.remove(config, invocation, deletion, known, progress)
                        .await
                }
            }
        };
        if let Ok(done) = tokio::time::timeout(limit, work).await {
            return done;
        }
        let deadline = Error::Deadline {
            seconds: limit.as_secs(),
            progress: progress.to_string(),
            remembers: known.is_some(),
        };
        // Without any progress, the next invocation would get no further.
        if known.is_none_or(|known| known.learned() == 0) {
            return Err(deadline);
        }
        let Some((next, number)) = continuation::next(&invocation.payload) else {
            return Err(deadline);
        };
        let request = self.invoker.invoke(invocation.arn(), &next).await?;
        Ok(Outcome::Continued(format!(
            "stopped after {} s, before the function's time limit: {progress}; request {request} \
             goes on, number {number} of {} at most",
            limit.as_secs(),
            continuation::MAX
        )))
    }

    /// Reports the outcome for an image, if there is anything to report. Returns whether that
    /// succeeded, or `None` if reports are disabled.
    async fn report(
        &self,
        invocation: &Invocation,
        ended: &Result<Outcome, Error>,
        progress: &LayerProgress,
    ) -> Option<bool> {
        let config = self.config.as_ref().ok()?;
        let name = config.completion_bus.as_deref()?;
        let event = ImageEvent::parse(&invocation.payload, config.delete_with_source);
        let push = match event {
            Ok(ImageEvent::Push(push)) => push,
            // The tag existed again, and there may be an index to deploy.
            Ok(ImageEvent::Deletion(deletion)) if ended.is_ok() => deletion.image,
            _ => return Some(true),
        };
        let version = config.scope.version.unwrap_or(IndexVersion::V2);
        let function = invocation.function();
        let Some(detail) = Detail::of(function, version, &push, ended, progress) else {
            return Some(true);
        };
        let bus = self.bus.get_or_init(|| EventBus::open(name)).await;
        let partition = invocation.arn().split(':').nth(1).unwrap_or("aws");
        let PushEvent {
            account,
            region,
            repository,
            ..
        } = &push;
        let repository = format!("arn:{partition}:ecr:{region}:{account}:repository/{repository}");
        let limit = invocation.remaining() / 2;
        Some(bus.send(&detail, &repository, limit).await)
    }

    /// Returns the known layers of the pushed image, if layers are remembered.
    async fn known<'a>(&'a self, config: &Config, push: &'a PushEvent) -> Option<KnownLayers<'a>> {
        let name = config.ztoc_table.as_deref()?;
        let table = self.table.get_or_init(|| Table::open(name)).await;
        Some(table.of(&push.repository))
    }

    async fn index(
        &self,
        config: &Config,
        invocation: &Invocation,
        push: &PushEvent,
        known: Option<&KnownLayers<'_>>,
        progress: &LayerProgress,
    ) -> Result<Outcome, Error> {
        let image = self.open(config, invocation, push).await?;
        let digest = match (&push.digest, &push.tag) {
            (Some(digest), _) => digest.parse().map_err(soci::Error::from)?,
            // The event of a pull-through cache may contain only the tag.
            (None, tag) => match image.resolve(tag.as_deref().unwrap_or_default()).await? {
                Some(found) => found.digest,
                None => {
                    let reason = format!("skipped {}: the tag no longer exists", push.image());
                    return Ok(Outcome::Skipped(reason, None));
                }
            },
        };
        let job = IndexJob {
            config,
            image: image.at(digest),
            digest,
            push,
            known: known.map_or(&(), |known| known),
            progress,
        };
        job.run().await
    }

    /// Removes the output of an image whose tag was deleted. If the tag exists again, the image is
    /// indexed instead.
    async fn remove(
        &self,
        config: &Config,
        invocation: &Invocation,
        deletion: &DeletionEvent,
        known: Option<&KnownLayers<'_>>,
        progress: &LayerProgress,
    ) -> Result<Outcome, Error> {
        let gone = &deletion.image;
        if config.options.version != Version::V2 {
            let reason = "an index of version V1 is deleted with its image";
            let reason = format!("skipped {}: {reason}", gone.image());
            return Ok(Outcome::Skipped(reason, None));
        }
        let job = RemovalJob {
            suffix: &config.scope.suffix,
            image: self.open(config, invocation, gone).await?,
            ecr: self.ecr(config).await,
            deletion,
        };
        match job.run().await? {
            Ended::Removed(what) => Ok(Outcome::Removed(what)),
            Ended::Kept(reason) => Ok(Outcome::Skipped(reason, None)),
            Ended::Returned(digest) => {
                tracing::warn!(now = %digest, "the tag is there again: indexing its image");
                let push = PushEvent {
                    digest: Some(digest.to_string()),
                    // The media types of the deleted image may not apply to the current one.
                    manifest_media_type: None,
                    artifact_media_type: None,
                    ..gone.clone()
                };
                self.index(config, invocation, &push, known, progress).await
            }
        }
    }

    /// Returns the client for Amazon ECR's API.
    async fn ecr(&self, config: &Config) -> &aws_sdk_ecr::Client {
        let ecr = self.ecr.get_or_init(|| async {
            let settings = ecr::settings(config.ecr_endpoint.as_deref()).await;
            aws_sdk_ecr::Client::from_conf(settings.build())
        });
        ecr.await
    }

    /// Opens the image in the registry that the authorization token is for.
    async fn open(
        &self,
        config: &Config,
        invocation: &Invocation,
        push: &PushEvent,
    ) -> Result<soci::RegistryImage, Error> {
        let ecr = self.ecr(config).await;
        let answer = ecr.get_authorization_token().send().await;
        let answer = answer.map_err(|error| Error::Authorization(runtime::aws_error(&error)))?;
        let token = registry::Token::read(&answer)?;
        let reference = token.reference(invocation.account(), push)?;
        let client = self
            .soci
            .get_or_try_init(|| async { soci::Client::new() })
            .await?;
        Ok(client.image(reference, token.credentials))
    }
}
