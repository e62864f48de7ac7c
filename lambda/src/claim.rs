//! The marks by which Terraform's resources say in a registry that they rely on a manifest.

/// Artifact type of claims and bequests. Whatever has one is not the builder's to remove.
pub const ARTIFACT_TYPE: &str = "application/vnd.terraform-provider-soci.claim.v1+json";
