//! The index generator: builds the SOCI index of an image that was pushed.
//!
//! ```text
//! event ─► checks ─► authorization token ─► is it indexed already? ─► soci::index
//!                      │                                                  │
//!                      └─ names the registry; no event ever does          ▼
//!          the source's tag once more ◄── output tagged ◄── documents published
//! ```
//!
//! What there is no index to be made of ends without an error, and says why: Lambda would only
//! try again. An error is what a later attempt, or a person, can do something about.

mod config;
mod metrics;
mod progress;
mod registry;
mod work;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use lambda_runtime::Diagnostic;
use tokio::sync::OnceCell;
use tracing::Instrument as _;

use crate::event::{InvalidEvent, PushEvent};
use crate::log;
use crate::runtime::{self, Invocation};
use crate::variables::{self, InvalidVariable};
use config::Config;
use metrics::Metrics;
use progress::Progress;
use work::{Outcome, Work};

/// So long before Lambda ends it, an invocation ends by itself.
const MARGIN: Duration = Duration::from_secs(10);

/// Runs the function until Lambda ends it.
pub fn run() -> ExitCode {
    log::init();
    let function = IndexGenerator {
        config: Config::read(&variables::of_process),
        ecr: OnceCell::new(),
        soci: OnceCell::new(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime::serve(runtime, async |invocation| {
        function.handle(invocation).await
    })
}

/// Why an image could not be indexed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Configuration(#[from] InvalidVariable),
    #[error(transparent)]
    Event(#[from] InvalidEvent),
    #[error("cannot get an authorization token from Amazon ECR: {0}")]
    Authorization(String),
    #[error("registry {endpoint:?}: {reason}")]
    Registry { endpoint: String, reason: String },
    #[error(transparent)]
    Soci(#[from] soci::Error),
    #[error("the tag {tag:?} kept moving to other images while they were indexed")]
    Moving { tag: String },
    #[error(
        "stopped after {seconds} s, before the function's time limit: {progress}; allow the \
         function more time or more memory (which brings more CPU)"
    )]
    Deadline { seconds: u64, progress: String },
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::Configuration(_) => "InvalidConfiguration",
            Error::Event(_) => "InvalidEvent",
            Error::Authorization(_) => "NoAuthorization",
            Error::Registry { .. } => "WrongRegistry",
            Error::Soci(_) => "IndexingFailed",
            Error::Moving { .. } => "TagKeepsMoving",
            Error::Deadline { .. } => "DeadlineExceeded",
        };
        Self {
            error_type: kind.to_owned(),
            error_message: error.to_string(),
        }
    }
}

struct IndexGenerator {
    config: Result<Config, InvalidVariable>,
    // Both are made when an event first needs them.
    ecr: OnceCell<aws_sdk_ecr::Client>,
    soci: OnceCell<soci::Client>,
}

impl IndexGenerator {
    async fn handle(&self, invocation: Invocation) -> Result<String, Error> {
        let start = Instant::now();
        let span = invocation.span();
        let progress = Progress::default();
        let work = self.within_deadline(&invocation, &progress);
        let handled = work.instrument(span.clone()).await;
        let _entered = span.enter();
        let metrics = Metrics::new(&invocation, &progress, start.elapsed());
        match handled {
            Ok(Outcome::Skipped(reason)) => {
                tracing::info!("{reason}");
                metrics.skipped().write();
                Ok(reason)
            }
            Ok(Outcome::Indexed(report)) => {
                let answer = progress.summarize(&report, start.elapsed());
                metrics.indexed(&report).write();
                Ok(answer)
            }
            Err(error) => {
                tracing::error!(progress = %progress, "{error}");
                metrics.failed().write();
                Err(error)
            }
        }
    }

    /// Stops before Lambda would, in the middle of anything: what is there by then either is
    /// whole or is referred to by nothing.
    async fn within_deadline(
        &self,
        invocation: &Invocation,
        progress: &Progress,
    ) -> Result<Outcome, Error> {
        let remaining = invocation.remaining();
        let limit = remaining - MARGIN.min(remaining / 10);
        let index = self.index(invocation, progress);
        match tokio::time::timeout(limit, index).await {
            Ok(done) => done,
            Err(_) => Err(Error::Deadline {
                seconds: limit.as_secs(),
                progress: progress.to_string(),
            }),
        }
    }

    async fn index(&self, invocation: &Invocation, progress: &Progress) -> Result<Outcome, Error> {
        let config = self.config.as_ref().map_err(Clone::clone)?;
        let push = PushEvent::parse(&invocation.payload)?;
        invocation.about(&push);
        if let Some(reason) = work::nothing_to_do(config, &push) {
            return Ok(Outcome::Skipped(reason));
        }
        let image = self.open(config, invocation, &push).await?;
        let work = Work {
            config,
            image,
            push: &push,
            digest: push.digest.parse().map_err(soci::Error::from)?,
            progress,
        };
        work.run().await
    }

    /// The image in the registry that the authorization token is for.
    async fn open(
        &self,
        config: &Config,
        invocation: &Invocation,
        push: &PushEvent,
    ) -> Result<soci::RegistryImage, Error> {
        let ecr = self.ecr.get_or_init(|| async {
            let shared = runtime::aws_config().await;
            let mut ecr = aws_sdk_ecr::config::Builder::from(&shared);
            if let Some(endpoint) = &config.ecr_endpoint {
                ecr.set_endpoint_url(Some(endpoint.clone()));
            }
            aws_sdk_ecr::Client::from_conf(ecr.build())
        });
        let answer = ecr.await.get_authorization_token().send().await;
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
