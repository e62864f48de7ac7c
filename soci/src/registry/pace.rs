//! Minimum speed of responses.
//!
//! The read timeout ends a connection on which nothing arrives. It does not end one on which a byte
//! arrives every minute, which could keep an image waiting for years.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _, stream};
use reqwest::{Method, Response};
use tokio::time::Instant;

use crate::error::RegistryError;

/// Waiting time after which the speed is checked.
const WINDOW: Duration = Duration::from_secs(60);
/// Minimum speed in bytes per second of waiting.
const SLOWEST: u64 = 1024;
const TOO_SLOW: &str = "the download is slower than 1 KiB per second";

/// Returns the body of a response as a stream, which fails if it is too slow.
pub(super) fn body(response: Response) -> BoxStream<'static, Result<Bytes, RegistryError>> {
    let url = response.url().clone();
    let slow = RegistryError::slow(&Method::GET, &url, TOO_SLOW);
    let pieces = response
        .bytes_stream()
        .map(move |piece| piece.map_err(|e| RegistryError::transport(&Method::GET, &url, e)));
    paced(pieces.boxed(), WINDOW, slow).boxed()
}

/// Passes pieces on. Fails with the error `slow` if too few bytes arrive in a `window` of waiting.
/// Time that the receiver takes does not count.
fn paced(
    pieces: impl Stream<Item = Result<Bytes, RegistryError>> + Unpin,
    window: Duration,
    slow: RegistryError,
) -> impl Stream<Item = Result<Bytes, RegistryError>> {
    let start = (pieces, Pace::default(), Some(slow));
    stream::unfold(start, move |(mut pieces, mut pace, mut slow)| async move {
        let asked = Instant::now();
        let mut piece = pieces.next().await?;
        if let Ok(bytes) = &piece
            && pace.is_too_slow(asked.elapsed(), bytes.len(), window)
        {
            piece = Err(slow.take()?);
        }
        Some((piece, (pieces, pace, slow)))
    })
}

/// The bytes of the current window.
#[derive(Default)]
struct Pace {
    waited: Duration,
    arrived: u64,
}

impl Pace {
    /// Counts a piece and the time spent waiting for it. Returns whether the window ends with it
    /// and had too few bytes.
    fn is_too_slow(&mut self, waited: Duration, bytes: usize, window: Duration) -> bool {
        self.waited += waited;
        self.arrived += bytes as u64;
        if self.waited < window {
            return false;
        }
        let least = u128::from(SLOWEST) * self.waited.as_millis() / 1000;
        let ended = std::mem::take(self);
        u128::from(ended.arrived) < least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_byte_a_minute_is_too_slow() {
        let mut pace = Pace::default();
        assert!(!pace.is_too_slow(59 * SECOND, 1, WINDOW));
        assert!(pace.is_too_slow(59 * SECOND, 1, WINDOW));
        // The next window starts from zero.
        assert!(!pace.is_too_slow(59 * SECOND, 1, WINDOW));
    }

    #[test]
    fn a_modem_is_not() {
        let mut pace = Pace::default();
        let mut pieces = (0..600).map(|_| pace.is_too_slow(SECOND, 1500, WINDOW));
        assert!(!pieces.any(|slow| slow));
    }

    #[tokio::test]
    async fn pieces_end_with_the_error() {
        let url = "https://r.test/v2/a/blobs/sha256:00?X-Amz-Signature=SECRET";
        let url = url.parse().expect("a URL");
        let slow = || RegistryError::slow(&Method::GET, &url, TOO_SLOW);
        let window = Duration::from_millis(20);
        let endless = stream::repeat(()).then(|()| async {
            tokio::time::sleep(Duration::from_millis(15)).await;
            Ok(Bytes::from_static(b"x"))
        });
        let mut pieces = Box::pin(paced(Box::pin(endless), window, slow()));
        let error = loop {
            match pieces.next().await.expect("no end before the error") {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        let want = "GET https://r.test/v2/a/blobs/sha256:00 (query redacted): the download is \
                    slower than 1 KiB per second";
        assert_eq!(error.to_string(), want);
        assert!(error.is_temporary());
        let quick = stream::iter([(); 3]).map(|()| Ok(Bytes::from_static(b"x")));
        assert_eq!(paced(quick, window, slow()).count().await, 3);
    }
}
