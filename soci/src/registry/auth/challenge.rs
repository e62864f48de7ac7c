//! Challenges: how a registry wants clients to authenticate.

use std::collections::HashMap;

use http_auth::parser::ChallengeParser;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// One challenge from a registry.
#[derive(Debug, Clone)]
pub(super) struct Challenge {
    /// Scheme in lower case.
    pub scheme: String,
    /// Parameters by lowercase name.
    parameters: HashMap<String, String>,
}

impl Challenge {
    /// Returns a parameter by its lowercase name.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Returns the challenges of a response.
    pub(super) fn all(headers: &HeaderMap) -> Vec<Self> {
        let headers = headers.get_all(WWW_AUTHENTICATE).iter();
        let texts = headers.filter_map(|header| header.to_str().ok());
        texts
            .flat_map(|text| ChallengeParser::new(text).filter_map(Result::ok))
            .map(|challenge| {
                let mut parameters = HashMap::new();
                for (key, value) in &challenge.params {
                    let first = parameters.entry(key.to_ascii_lowercase());
                    first.or_insert_with(|| value.to_unescaped());
                }
                Self {
                    scheme: challenge.scheme.to_ascii_lowercase(),
                    parameters,
                }
            })
            .collect()
    }
}
