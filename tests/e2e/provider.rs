//! The provider itself: its configuration, its functions, its documentation and how it starts.

mod actions;
mod aws;
mod config;
mod docs;
mod functions;
mod opentofu;
mod startup;
mod terraform_versions;
