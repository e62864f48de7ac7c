//! The AWS account that a configuration works in: settings, credentials, clients, requests.
//!
//! [`Aws`] holds the account and makes clients of its services. Requests go through
//! [`CallContext`](crate::call::CallContext), which repeats them while it helps and ends with the
//! call; what AWS refuses is an [`AwsError`], which knows its diagnostic.

mod account;
mod check;
mod diagnostics;
mod error;
mod files;
mod http;
mod request;
mod roles;
pub(crate) mod schema;
mod session;
mod settings;
mod tags;

pub(crate) use account::{Account, Aws};
pub(crate) use check::{is_account_id, is_region, region as check_region};
pub(crate) use error::AwsError;
pub(crate) use http::read_certificates;
pub(crate) use request::FIRST_PAUSE;
pub(crate) use session::Session;
pub(crate) use settings::expand;
pub(crate) use tags::{IgnoredTags, is_reserved, tag_fault};

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
