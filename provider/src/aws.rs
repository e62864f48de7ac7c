//! The AWS account that a configuration uses: settings, credentials, clients, requests.
//!
//! [`Aws`] represents the account and creates clients of its services. Requests go through
//! [`CallContext`](crate::call::CallContext), which retries them while that helps and ends with the
//! call. AWS's refusals become an [`AwsError`], which provides its diagnostic.

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
