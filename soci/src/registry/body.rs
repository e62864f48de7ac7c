//! Size-limited reading of bodies.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use reqwest::Response;

use super::pace;
use crate::error::RegistryError;

/// The part of a body that arrived, up to a limit.
pub(super) struct Body {
    pub bytes: Bytes,
    /// Whether the body is complete.
    pub whole: bool,
    /// The error that cut it off, if any.
    pub error: Option<RegistryError>,
}

impl Body {
    /// Reads the body of a response, up to `limit` bytes.
    pub(super) async fn read(response: Response, limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut bytes = BytesMut::new();
        let mut chunks = pace::body(response);
        let (whole, error) = loop {
            match chunks.next().await {
                Some(Ok(chunk)) => {
                    let room = limit - bytes.len();
                    bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
                    if chunk.len() > room {
                        break (false, None);
                    }
                }
                None => break (true, None),
                Some(Err(error)) => break (false, Some(error)),
            }
        };
        let bytes = bytes.freeze();
        Self {
            bytes,
            whole,
            error,
        }
    }
}
