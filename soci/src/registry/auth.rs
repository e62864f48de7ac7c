//! Authorization.
//!
//! A registry that requires it answers 401 with a challenge: `Basic` takes the credentials
//! themselves, `Bearer` names a token server that exchanges them for a token. If the credentials of
//! one source are rejected, by the registry or by the token server, the next source is tried.

mod challenge;
mod header;
mod operation;
mod token;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use reqwest::header::HeaderValue;
use reqwest::{Response, StatusCode};
use url::Url;

use super::credentials::{CredentialChain, Credentials};
use super::exchange;
use super::route::PlainTokenServers;
use crate::error::{RegistryError, Tried};
use crate::oci::ImageReference;
use challenge::Challenge;
use header::{basic, bearer};
pub(super) use operation::Operation;
use token::TokenServer;

/// A header built from the credentials of one source.
#[derive(Clone)]
struct Shown {
    source: usize,
    header: HeaderValue,
    sent: Sent,
}

/// The form of the credentials that a registry or its token server was sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// None.
    Nothing,
    /// A token that a token server granted.
    Token,
    /// The credentials themselves.
    LogIn,
}

/// The credentials for a repository, and which of them the registry accepted for each operation.
pub(super) struct Authorization {
    image: ImageReference,
    chain: CredentialChain,
    plain_token_servers: PlainTokenServers,
    accepted: Mutex<[Option<Shown>; 3]>,
    /// The last challenges. A registry that rejects credentials need not repeat them.
    challenges: Mutex<Vec<Challenge>>,
}

/// A refusal by the registry.
pub(super) struct Refusal {
    status: StatusCode,
    url: Url,
    challenges: Vec<Challenge>,
}

impl Refusal {
    /// Returns the refusal if a response rejects the request's credentials or lack of them.
    pub(super) fn of(response: &Response) -> Option<Self> {
        let status = response.status();
        let refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        refused.then(|| Self {
            status,
            url: response.url().clone(),
            challenges: Challenge::all(response.headers()),
        })
    }
}

/// The progress of one request through the sources of credentials.
pub(super) struct Passage<'a> {
    authorization: &'a Authorization,
    operation: Operation,
    shown: Option<Shown>,
    /// Sources still to be tried.
    left: VecDeque<usize>,
    begun: bool,
    tried: Vec<Tried>,
    /// The most informative refusal, with its weight.
    refusal: Option<(Weight, RegistryError)>,
}

/// Weight of a refusal: whether it concerns credentials, and whether the registry knows them.
type Weight = (bool, bool);

impl Authorization {
    pub(super) fn new(
        image: &ImageReference,
        chain: CredentialChain,
        plain_token_servers: PlainTokenServers,
    ) -> Self {
        Self {
            image: image.clone(),
            chain,
            plain_token_servers,
            accepted: Mutex::default(),
            challenges: Mutex::default(),
        }
    }

    /// Begins a request with the credentials that the registry accepted before.
    pub(super) fn begin(&self, operation: Operation) -> Passage<'_> {
        let accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        Passage {
            authorization: self,
            operation,
            shown: accepted[operation as usize].clone(),
            left: VecDeque::new(),
            begun: false,
            tried: Vec::new(),
            refusal: None,
        }
    }

    /// Returns the challenges to answer: those of the refusal, the last ones, or those that the
    /// registry returns at its front door.
    async fn challenges(
        &self,
        http: &reqwest::Client,
        front_door: &Url,
        refusal: Refusal,
    ) -> Vec<Challenge> {
        let known = || {
            self.challenges
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let mut challenges = refusal.challenges;
        if challenges.is_empty() {
            let last = known().clone();
            if !last.is_empty() {
                return last;
            }
            if let Ok(response) = exchange::send(http.get(front_door.clone())).await
                && response.url().origin() == front_door.origin()
            {
                challenges = Challenge::all(response.headers());
            }
        }
        known().clone_from(&challenges);
        challenges
    }
}

impl Passage<'_> {
    /// Returns the header to send, if known yet.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        self.shown.as_ref().map(|shown| shown.header.clone())
    }

    /// Records that the registry let the request pass.
    pub(super) fn accepted(self) {
        let Some(shown) = self.shown.filter(|_| self.begun) else {
            return;
        };
        for tried in self.tried.iter().filter(|tried| tried.failure().is_some()) {
            tracing::warn!("credentials not available: {tried}");
        }
        let chain = &self.authorization.chain;
        tracing::debug!(source = chain.name(shown.source), "credentials accepted");
        let accepted = &self.authorization.accepted;
        let mut accepted = accepted.lock().unwrap_or_else(PoisonError::into_inner);
        accepted[self.operation as usize] = Some(shown);
    }

    /// Looks for another header after a refusal, given as `error`. Returns whether there is one. At
    /// the URL `front_door`, the registry returns its challenges for any request.
    pub(super) async fn refused(
        &mut self,
        http: &reqwest::Client,
        front_door: &Url,
        refusal: Refusal,
        error: RegistryError,
    ) -> Result<bool, RegistryError> {
        let authorization = self.authorization;
        let mut expired = None;
        let shown = self.shown.clone();
        if !self.begun {
            self.begun = true;
            self.left = (0..authorization.chain.len()).collect();
            if let Some(shown) = &shown {
                self.left.retain(|left| *left != shown.source);
                if refusal.status == StatusCode::UNAUTHORIZED {
                    // A token was accepted before, so a new one may be.
                    self.left.push_front(shown.source);
                    expired = Some(error);
                } else {
                    self.note(shown.source, shown.sent, error);
                }
            }
        } else if let Some(shown) = &shown {
            self.note(shown.source, shown.sent, error);
        }
        if self.left.is_empty() {
            return Ok(false);
        }
        let url = refusal.url.clone();
        let challenges = authorization.challenges(http, front_door, refusal).await;
        let server = TokenServer {
            http,
            repository: authorization.image.repository(),
            operation: self.operation,
            plain: authorization.plain_token_servers,
        };
        while let Some(source) = self.left.pop_front() {
            let credentials = match authorization.chain.get(source, &authorization.image).await {
                Ok(credentials) => credentials,
                Err(tried) => {
                    self.tried.push(tried);
                    continue;
                }
            };
            let value = answer(&server, &credentials, &challenges, &url).await;
            let sent = match &value {
                _ if credentials == Credentials::Anonymous => Sent::Nothing,
                Some(Ok(value)) if value.starts_with("Bearer ") => Sent::Token,
                _ => Sent::LogIn,
            };
            match value {
                Some(Ok(value)) => {
                    let Ok(mut header) = HeaderValue::try_from(value) else {
                        let reason = "the credentials contain characters that a header cannot hold"
                            .to_owned();
                        self.push_refused(source, reason);
                        continue;
                    };
                    header.set_sensitive(true);
                    let same = |shown: &Shown| shown.header == header;
                    if let Some(error) = expired.take_if(|_| shown.as_ref().is_some_and(same)) {
                        // Credentials that were just rejected would be rejected again.
                        self.note(source, sent, error);
                        continue;
                    }
                    self.shown = Some(Shown {
                        source,
                        header,
                        sent,
                    });
                    return Ok(true);
                }
                Some(Err(error)) if error.is_unauthorized() => {
                    self.note(source, sent, error);
                }
                Some(Err(error)) => return Err(error),
                None => {
                    let reason = match sent {
                        Sent::Nothing => "refused",
                        _ => "the registry does not accept credentials of this kind",
                    };
                    self.push_refused(source, reason.to_owned());
                }
            }
        }
        Ok(false)
    }

    /// Returns the error of a request for which all credentials failed.
    pub(super) fn exhausted(self, last: RegistryError) -> RegistryError {
        let error = self.refusal.map_or(last, |(_, refusal)| refusal);
        error.after(self.tried)
    }

    /// Records that the registry or its token server rejects the credentials of a source.
    fn note(&mut self, source: usize, sent: Sent, error: RegistryError) {
        self.push_refused(source, error.refusal());
        let weight = (sent != Sent::Nothing, error.is_forbidden());
        let error = match sent {
            Sent::LogIn => error.logging_in(),
            Sent::Nothing | Sent::Token => error,
        };
        if self
            .refusal
            .as_ref()
            .is_none_or(|(most, _)| weight >= *most)
        {
            self.refusal = Some((weight, error));
        }
    }

    fn push_refused(&mut self, source: usize, refusal: String) {
        let name = self.authorization.chain.name(source);
        self.tried.push(Tried::refused(name, refusal));
    }
}

/// Returns a header value that answers the first challenge the credentials can answer, or `None` if
/// there is none.
async fn answer(
    server: &TokenServer<'_>,
    credentials: &Credentials,
    challenges: &[Challenge],
    asked: &Url,
) -> Option<Result<String, RegistryError>> {
    for challenge in challenges {
        return Some(match (challenge.scheme.as_str(), credentials) {
            ("basic", Credentials::Basic { username, password }) => Ok(basic(username, password)),
            ("bearer", Credentials::AccessToken(token)) => Ok(bearer(token)),
            ("bearer", credentials) => {
                let token = server.token(credentials, challenge, asked).await;
                token.map(|token| bearer(&token))
            }
            _ => continue,
        });
    }
    None
}
