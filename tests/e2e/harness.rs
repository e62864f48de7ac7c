//! Tests of the harness: the other tests rely on what it does.

mod images;
mod local_aws;
