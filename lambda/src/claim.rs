//! The marks with which Terraform resources record in a registry that they rely on a manifest.

/// Artifact type of claims and bequests. The builder must not remove a manifest that has one.
pub const ARTIFACT_TYPE: &str = "application/vnd.terraform-provider-soci.claim.v1+json";
