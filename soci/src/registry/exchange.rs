//! A request and its response, logged at debug level.

use std::time::Instant;

use reqwest::{RequestBuilder, Response};

/// Sends a request once, and logs it without anything that may be secret: headers, queries and
/// bodies.
pub(super) async fn send(request: RequestBuilder) -> reqwest::Result<Response> {
    let (client, request) = request.build_split();
    let request = request?;
    let (method, url) = (request.method().clone(), request.url().clone());
    let begun = Instant::now();
    let answer = client.execute(request).await;
    let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (host, path) = (url.host_str().unwrap_or_default(), url.path());
    match &answer {
        Ok(response) => {
            let status = response.status().as_u16();
            tracing::debug!(%method, host, path, status, milliseconds, "request answered");
        }
        Err(_) => tracing::debug!(%method, host, path, milliseconds, "request failed"),
    }
    answer
}
