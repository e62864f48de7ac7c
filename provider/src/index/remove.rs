//! Removal of what a resource published.

use std::collections::BTreeSet;

use soci::{Digest, RegistryError, RegistryImage, Removal, Removed, Version};
use tfplugin_sdk::{Context, Diagnostic, Value};
use tokio::sync::OnceCell;

use super::build::Build;
use super::claims::{Claims, Marks};
use super::private_state::PrivateState;
use super::registry::open;
use super::settings::Settings;
use crate::diagnose::{diagnose, diagnose_removal};
use crate::shared::{CallContext, Shared};

/// A resource that removes a build.
struct Remover<'a> {
    cx: &'a Context<Shared>,
    image: &'a RegistryImage,
    build: &'a Build,
    claims: Claims<'a>,
}

/// Removes builds of a resource, except for content reachable from `kept` ones or relied on by
/// others. Warns about anything that the registry does not remove.
pub(super) async fn remove(
    call: &CallContext<'_>,
    resource: &str,
    builds: &[Build],
    kept: &[Build],
) -> Result<(), Diagnostic> {
    let cx = call.cx;
    for build in builds {
        let work = async {
            let Some(reference) = build.reference() else {
                return Ok(());
            };
            let image = open(cx.data(), &reference).await?;
            let _lock = cx.data().lock_repository(&reference).await;
            let remover = Remover {
                cx,
                image: &image,
                build,
                claims: Claims::new(&image, resource),
            };
            let kept = kept.iter().filter(|kept| kept.is_beside(&reference));
            let kept = kept.flat_map(|kept| kept.manifests.iter().copied().chain([kept.source]));
            remover.remove(&kept.collect()).await
        };
        run(call, build, work).await?;
    }
    Ok(())
}

async fn run<T>(
    call: &CallContext<'_>,
    build: &Build,
    work: impl Future<Output = Result<T, Diagnostic>> + Send,
) -> Result<T, Diagnostic> {
    let doing = format!("removing the index of {}", build.image);
    let consequence = "The next apply resumes the removal.";
    call.run(&doing, consequence, work).await
}

impl Remover<'_> {
    async fn remove(&self, kept: &BTreeSet<Digest>) -> Result<(), Diagnostic> {
        let removed = match self.build.version() {
            Version::V1 => self.remove_v1(kept).await,
            Version::V2 => self.remove_v2(kept).await,
        };
        let name = &self.build.image;
        match removed {
            Ok(left) if left.is_empty() => Ok(()),
            Ok(left) => {
                let detail = format!(
                    "The registry accepted the deletion of the index of {name}, but still \
                     serves:\n  - {}\n\nRemove them with the registry's own tools if they are \
                     in the way.",
                    left.join("\n  - ")
                );
                self.cx
                    .warn(Diagnostic::warning("Index not fully removed", detail));
                Ok(())
            }
            // Some registries never delete.
            Err(error) if never_deletes(&error) => {
                let detail = format!(
                    "The registry does not support deletion. The index of {name} stays until the \
                     registry removes it: {error}."
                );
                self.cx
                    .warn(Diagnostic::warning("Index not removed", detail));
                Ok(())
            }
            Err(error) => Err(diagnose_removal("removing the index of", name, &error)),
        }
    }

    /// Removes the SOCI indexes. Returns the digests that the registry still serves.
    async fn remove_v1(&self, kept: &BTreeSet<Digest>) -> soci::Result<Vec<String>> {
        let build = self.build;
        let mut left = Vec::new();
        // Shared between platforms, because a repository may have many tags, and an image many
        // platforms.
        let tagged = OnceCell::new();
        for (index, subject) in &build.indexes {
            if kept.contains(index) {
                continue;
            }
            let marks = self.claims.marks(*index).await?;
            if !self.leave(*index, &marks, &[]).await? {
                continue;
            }
            let tagged = tagged.get_or_try_init(|| self.image.all_tagged()).await?;
            match self
                .image
                .remove_index(*index, *subject, tagged.as_ref())
                .await?
            {
                Removed::Deleted => {}
                Removed::NotLookedUp => continue,
                Removed::InUse => {
                    tracing::info!(%index, "a tag leads to the SOCI index, which stays");
                    continue;
                }
                Removed::Left(digests) => left.extend(digests),
            }
            self.claims.forget(*index, &marks).await?;
        }
        if let Some(None) = tagged.get() {
            self.warn_of_too_many_tags();
        }
        Ok(left)
    }

    /// Removes the SOCI-enabled image. Returns the tags and digests that the registry still serves.
    async fn remove_v2(&self, kept: &BTreeSet<Digest>) -> soci::Result<Vec<String>> {
        let build = self.build;
        let Some(root) = build.digest else {
            return Ok(Vec::new());
        };
        let marks = self.claims.marks(root).await?;
        let (claimed, own): (Vec<String>, Vec<String>) = build
            .tags
            .iter()
            .cloned()
            .partition(|tag| marks.claims_tag(tag));
        let stays = kept.contains(&root) || !self.leave(root, &marks, &claimed).await?;
        if stays {
            self.untag(&own).await?;
            return Ok(Vec::new());
        }
        let mut keep = vec![build.source];
        keep.extend(kept);
        let mut shared = Vec::new();
        for manifest in &build.manifests {
            if *manifest == root || kept.contains(manifest) {
                continue;
            }
            let marks = self.claims.marks(*manifest).await?;
            match self.leave(*manifest, &marks, &[]).await? {
                true => shared.push((*manifest, marks)),
                false => keep.push(*manifest),
            }
        }
        let mut tags = build.tags.clone();
        tags.extend(marks.bequeathed_tags().iter().cloned());
        let removal = Removal::of(root)
            .with_tags(&tags)
            .with_manifests(&build.manifests)
            .keeping(&keep);
        let left = match self.image.remove_converted(&removal).await? {
            Removed::Deleted => Vec::new(),
            Removed::Left(left) => left,
            Removed::NotLookedUp => {
                self.warn_of_too_many_tags();
                self.untag(&tags).await?;
                return Ok(Vec::new());
            }
            Removed::InUse => {
                tracing::info!(%root, "another tag leads to the SOCI-enabled image, which stays");
                self.untag(&tags).await?;
                return Ok(Vec::new());
            }
        };
        self.claims.forget(root, &marks).await?;
        for (manifest, marks) in shared {
            self.claims.forget(manifest, &marks).await?;
        }
        Ok(left)
    }

    fn warn_of_too_many_tags(&self) {
        let what_then = match self.build.tags.is_empty() {
            true => "The index is kept. Delete it by its digest if it is no longer needed.",
            false => {
                "The index is kept, but its own tags are removed if the registry can delete tags. \
                 To remove it, set a lifecycle policy that expires untagged images."
            }
        };
        let detail = format!(
            "The repository of {} has more than {} tags: too many to check which of them lead to \
             the index. {what_then}",
            self.build.image,
            soci::MAX_TAGS
        );
        self.cx
            .warn(Diagnostic::warning("Index not removed", detail));
    }

    /// Withdraws the resource's claim on a manifest. Returns whether it was the last one, and so
    /// may remove the manifest. Otherwise leaves the manifest and its `tags` to the others.
    async fn leave(&self, manifest: Digest, marks: &Marks, tags: &[String]) -> soci::Result<bool> {
        self.claims.withdraw(manifest, marks).await?;
        let removable = !self.build.is_found(manifest) || marks.is_bequeathed();
        if !marks.is_claimed() {
            return Ok(removable);
        }
        tracing::info!(%manifest, claimants = ?marks.claimants(), "kept, since other resources use it");
        if removable && !marks.is_bequeathed() {
            self.claims.bequeath(manifest, tags).await?;
        }
        Ok(false)
    }

    /// Removes tags from a build. Warns about tags that cannot be removed, and returns them.
    async fn untag(&self, tags: &[String]) -> soci::Result<Vec<String>> {
        let mut left = Vec::new();
        let Some(root) = self.build.digest else {
            return Ok(left);
        };
        for tag in tags {
            let reason = match self.image.untag(tag, root).await {
                Ok(true) => continue,
                Ok(false) => "the registry does not delete it".to_owned(),
                Err(error) if never_deletes(&error) || error.is_immutable_tag() => {
                    error.to_string()
                }
                Err(error) => return Err(error),
            };
            let detail = format!(
                "The tag {tag:?} of the SOCI-enabled image of \
                 {} could not be removed: {reason}.",
                self.build.image
            );
            self.cx.warn(Diagnostic::warning("Tag not removed", detail));
            left.push(tag.clone());
        }
        Ok(left)
    }
}

fn never_deletes(error: &soci::Error) -> bool {
    error.registry().is_some_and(RegistryError::is_unsupported)
}

/// Removes earlier builds after an update, except the last `revision_history_limit` of them,
/// because running containers may still pull those. A failure is only a warning; the next update
/// tries again.
pub(super) async fn remove_superseded(
    call: &CallContext<'_>,
    state: &Value,
) -> Result<(), Diagnostic> {
    let cx = call.cx;
    let settings = Settings::read(state)?;
    let mut private = PrivateState::load(cx, state);
    let goes = private.take_superseded(settings.revision_history_limit);
    let kept: Vec<Build> = private.builds().cloned().collect();
    if let Err(diagnostic) = remove(call, &private.resource, &goes, &kept).await {
        let detail = format!(
            "The new index is published. An earlier one was not removed; the next change tries again: {}",
            diagnostic.detail
        );
        cx.warn(Diagnostic::warning("Earlier index not removed", detail));
        private.others.splice(0..0, goes);
    }
    if let Err(diagnostic) = remove_former_tags(call, &settings, &mut private).await {
        let detail = format!(
            "The new index is published. A former tag was not removed; the next change tries again: {}",
            diagnostic.detail
        );
        cx.warn(Diagnostic::warning("Earlier tag not removed", detail));
    }
    private.save(cx);
    Ok(())
}

/// Removes the tags that builds of the same image had before the argument `tag` changed. Builds of
/// other images keep their tags.
async fn remove_former_tags(
    call: &CallContext<'_>,
    settings: &Settings,
    private: &mut PrivateState,
) -> Result<(), Diagnostic> {
    let cx = call.cx;
    let is_former = |tag: &String| settings.tag.as_ref() != Some(tag);
    let resource = private.resource.clone();
    let image_name = settings.image.to_string();
    let builds = private.current.iter_mut().chain(&mut private.others);
    for build in builds {
        let is_of_image = build.image == image_name && build.version() == settings.version;
        if !is_of_image || !build.tags.iter().any(is_former) {
            continue;
        }
        let work = async {
            let image = open(cx.data(), &settings.image).await?;
            let _lock = cx.data().lock_repository(&settings.image).await;
            let remover = Remover {
                cx,
                image: &image,
                build,
                claims: Claims::new(&image, &resource),
            };
            let removed = remover.remove_former(is_former).await;
            removed
                .map_err(|error| diagnose("removing a tag of the index of", &build.image, &error))
        };
        let left = run(call, build, work).await?;
        build
            .tags
            .retain(|tag| !is_former(tag) || left.contains(tag));
    }
    Ok(())
}

impl Remover<'_> {
    async fn remove_former(
        &self,
        is_former: impl Fn(&String) -> bool,
    ) -> soci::Result<Vec<String>> {
        let former = self.build.tags.iter().filter(|tag| is_former(tag));
        let mut former: Vec<String> = former.cloned().collect();
        let Some(root) = self.build.digest.filter(|_| !former.is_empty()) else {
            return Ok(Vec::new());
        };
        let marks = self.claims.marks(root).await?;
        former.retain(|tag| !marks.claims_tag(tag));
        self.untag(&former).await
    }
}
