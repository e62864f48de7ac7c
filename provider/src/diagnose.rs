//! Diagnostics for errors of the library and of registries: context, cause and next action.

use std::fmt;

use soci::Error;
use tfplugin_sdk::Diagnostic;

/// Name of the credentials in a `registry_auth` block.
pub(crate) const REGISTRY_AUTH: &str = "the registry_auth block";
/// Name of an Amazon ECR token as a source of credentials.
pub(crate) const ECR_TOKEN: &str = "a token for the AWS credentials";

/// A diagnostic that serves as the error of a credential source.
#[derive(Debug)]
pub(crate) struct Diagnosed(pub Diagnostic);

impl std::error::Error for Diagnosed {}

impl fmt::Display for Diagnosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.summary)
    }
}

/// Returns the diagnostic of an error that occurred while `doing` something with an image.
pub(crate) fn diagnose(doing: &str, image: &str, error: &Error) -> Diagnostic {
    let (summary, advice) = explain(image, error);
    let detail = format!("While {doing} {image}: {error}.\n\n{advice}");
    let attribute = match error {
        Error::NoSuchPlatform { .. } => "platforms",
        _ => "image",
    };
    Diagnostic::error(summary, detail).at(attribute)
}

/// Returns the diagnostic of a removal that failed while `doing` something with an image.
pub(crate) fn diagnose_removal(doing: &str, image: &str, error: &Error) -> Diagnostic {
    if !error.registry().is_some_and(denies_writing) {
        return diagnose(doing, image, error);
    }
    let detail = format!(
        "While {doing} {image}: {error}.\n\nThe credentials lack permission to delete from this \
         repository (for Amazon ECR: ecr:BatchDeleteImage and ecr:PutImage), or a policy of the \
         registry forbids it. Grant the permission, or, to leave the index in the registry, set \
         keep_on_destroy = true, apply, and destroy again."
    );
    Diagnostic::error("Registry denies the removal", detail).at("image")
}

/// Returns the reason why a credential source had nothing, if that is why a registry refused a
/// request.
fn diagnosed(error: &soci::RegistryError) -> Option<&Diagnostic> {
    let failures = error.tried().iter().filter_map(soci::Tried::failure);
    let mut diagnosed = failures.filter_map(|failure| failure.downcast_ref::<Diagnosed>());
    diagnosed.next().map(|failure| &failure.0)
}

/// Returns whether a registry allows the credentials to read but not to write.
fn denies_writing(error: &soci::RegistryError) -> bool {
    error.is_write() && error.status_code() == Some(403)
}

/// Returns a summary and the next action.
fn explain(image: &str, error: &Error) -> (&'static str, String) {
    let host = image.split('/').next().unwrap_or(image);
    match error {
        Error::Reference(_) => (
            "Invalid image reference",
            "Write the image as host/repository:tag.".to_owned(),
        ),
        Error::Credentials { .. } => (
            "Registry credentials not available",
            format!("Log in again with `docker login {host}`, or correct the file."),
        ),
        Error::Registry(_) if error.is_immutable_tag() => (
            "Tag is immutable",
            "The tag already points to other content and cannot be moved. Delete it, or make the \
             repository's tags mutable."
                .to_owned(),
        ),
        Error::Registry(registry) => match diagnosed(registry) {
            Some(failure) => ("No token from Amazon ECR", failure.detail.clone()),
            None => explain_registry(host, registry),
        },
        Error::NoSuchPlatform { .. } => (
            "Platform not in the image",
            "Correct the argument platforms, or remove it to index every platform.".to_owned(),
        ),
        Error::DigestMismatch { .. } | Error::SizeMismatch { .. } => (
            "Image content is corrupt",
            "The registry's copy of the image is damaged. Push the image again.".to_owned(),
        ),
        Error::NoPlatform { .. } => (
            "Image without a platform",
            "Container hosts select an image from an image index by its platform, so this one \
             could not be pulled. Set the platform in the configuration of the image, for example \
             with `crane mutate --set-platform linux/amd64`, or set index_version = \"V1\"."
                .to_owned(),
        ),
        Error::TagMoved { tag, .. } => (
            "Tag has moved",
            format!(
                "Another image has been pushed as {tag} since, and its index replaces the \
                 one that was waited for. Deploy the newer image, or push this one with a tag of \
                 its own."
            ),
        ),
        Error::NotAnImage { .. } => (
            "Not a container image",
            "Only container images can have a SOCI index. Check the repository and the tag."
                .to_owned(),
        ),
        _ => (
            "Image not usable",
            "Check that the image can be pulled with other tools; if it can, please report a bug."
                .to_owned(),
        ),
    }
}

fn explain_registry(host: &str, error: &soci::RegistryError) -> (&'static str, String) {
    if denies_writing(error) {
        let advice = "The credentials lack permission to push to this repository (for Amazon ECR: \
                      ecr:PutImage and the layer upload actions), or a policy of the registry \
                      forbids overwriting the tag. Grant the permission, or choose another tag."
            .to_owned();
        ("Registry denies the push", advice)
    } else if error.is_unauthorized() {
        let refused = |source| error.tried().iter().any(|its| its.source_name() == source);
        let advice = if refused(REGISTRY_AUTH) {
            format!(
                "Correct the username and the password or token in the registry_auth block for \
                 {host}; the user must be allowed to pull from and push to the repository. Or \
                 remove the block, and log in with `docker login {host}`."
            )
        } else if refused(ECR_TOKEN) {
            "Allow the identity of the AWS credentials to pull from and push to the repository, \
             in its policies or in the policy of the repository."
                .to_owned()
        } else {
            format!(
                "Log in with `docker login {host}`, or add a registry_auth block for {host} to the \
                 provider, as a user who may pull from and push to the repository."
            )
        };
        ("Registry refused the credentials", advice)
    } else if error.status_code() == Some(404) && error.is_write() {
        let advice = "The repository does not exist, or the registry lacks an API that this needs. \
                      Check that the repository exists and accepts pushes.";
        ("Registry refused the request", advice.to_owned())
    } else if error.is_not_found() {
        let advice = "The image was not found: check the repository and the tag, and that the \
                      image is pushed before it is indexed.";
        ("Image not found", advice.to_owned())
    } else if error.status_code() == Some(404) {
        let advice = format!(
            "{host} does not answer as a registry does: check the host name and the port, and that \
             the repository exists."
        );
        ("Registry refused the request", advice)
    } else if error.is_plain_http() {
        let advice = format!(
            "The registry speaks plain HTTP, without encryption. If that is intended, set \
             plain_http = true in a registry_auth block with address = \"{host}\"; otherwise check \
             the port."
        );
        ("Registry speaks plain HTTP", advice)
    } else if error.is_untrusted() {
        let advice = format!(
            "The registry's certificate is not trusted. If a private certificate authority \
             issued it, set ca_file in a registry_auth block with address = \"{host}\", or \
             custom_ca_bundle (AWS_CA_BUNDLE) for all registries and AWS, to a file with that \
             authority's certificate in PEM format, or install it in the system. The certificate \
             must be valid for this host name and not expired."
        );
        ("Registry certificate not trusted", advice)
    } else if error.is_unreachable() {
        let advice = format!(
            "The registry could not be reached: check the host name and port, and that {host} \
             accepts connections from here."
        );
        ("Registry not reachable", advice)
    } else if error.is_temporary() {
        let advice = "The registry kept failing. Apply again later; what was done so far stays.";
        ("Registry failed", advice.to_owned())
    } else {
        let advice = "The registry does not accept the request. Check its limits and policies for \
                      this repository.";
        ("Registry refused the request", advice.to_owned())
    }
}
