//! The events of a call with a streaming response: messages along the way, and
//! the end.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

/// A call in progress. All of its messages come before its end.
pub(super) struct Underway<M, E> {
    /// `None` once there can be no more messages.
    messages: Option<mpsc::Receiver<M>>,
    /// `None` once the work has ended.
    work: Option<BoxFuture<'static, E>>,
    /// The result of the work, until it is delivered.
    end: Option<E>,
}

/// One event of a call.
pub(super) enum Step<M, E> {
    Message(M),
    End(E),
}

impl<M, E> Underway<M, E> {
    /// Follows `work`, which sends messages.
    pub(super) fn new(
        messages: mpsc::Receiver<M>,
        work: impl Future<Output = E> + Send + 'static,
    ) -> Self {
        Self {
            messages: Some(messages),
            work: Some(work.boxed()),
            end: None,
        }
    }

    /// Returns the next event, or `None` after the end.
    pub(super) async fn next(&mut self) -> Option<Step<M, E>> {
        loop {
            match (&mut self.messages, &mut self.work) {
                (Some(messages), Some(work)) => tokio::select! {
                    biased;
                    message = messages.recv() => match message {
                        Some(message) => return Some(Step::Message(message)),
                        None => self.messages = None,
                    },
                    end = work => {
                        self.end = Some(end);
                        self.work = None;
                    }
                },
                (Some(messages), None) => match messages.recv().await {
                    Some(message) => return Some(Step::Message(message)),
                    None => self.messages = None,
                },
                (None, Some(work)) => {
                    self.end = Some(work.await);
                    self.work = None;
                }
                (None, None) => return self.end.take().map(Step::End),
            }
        }
    }
}
