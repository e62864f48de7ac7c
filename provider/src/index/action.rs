//! The action `soci_build_index`, which indexes an image once and does not manage the result.

use std::time::Duration;

use soci::oci::Descriptor;
use soci::ztoc::SkipReason;
use soci::{Error, Indexed, RegistryImage, Report, Version};
use tfplugin_sdk::{
    Action, ActionProgress, Context, Diagnostic, Diagnostics, Schema, Value, async_trait, timeouts,
};

use super::publish::{check_tag, check_tag_early};
use super::registry::open;
use super::settings::Settings;
use super::{attributes, validate, warnings};
use crate::diagnose::diagnose;
use crate::shared::{CallContext, Shared};

/// The action `soci_build_index`.
pub(crate) struct BuildIndex;

const TIMEOUT: Duration = Duration::from_secs(60 * 60);

#[async_trait]
impl Action<Shared> for BuildIndex {
    fn type_name(&self) -> &str {
        "soci_build_index"
    }

    fn schema(&self) -> Schema {
        let timeout = timeouts::duration().description(
            "How long the action may take, as a \
             [duration](https://pkg.go.dev/time#ParseDuration) such as `30m`. Default: `1h`.",
        );
        let image = attributes::image().description(
            "The image to index, as `host/repository:tag` or `host/repository@sha256:…`.",
        );
        let tag = attributes::tag(
            "Tag of the SOCI-enabled image, in the repository of the image; only for `V2`.",
        );
        attributes::options(Schema::new(), image, tag)
            .attribute("timeout", timeout)
            .description(
                "Builds the SOCI index of a container image and publishes it beside the image, once: \
                 like `soci_index`, but nothing is kept in the state or removed later.",
            )
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        validate::across_arguments(config)
    }

    async fn invoke(
        &self,
        cx: &Context<Shared>,
        config: Value,
        progress: &ActionProgress,
    ) -> Result<(), Diagnostics> {
        let limit = timeouts::get_duration(&config, "timeout")?.unwrap_or(TIMEOUT);
        let mut settings = Settings::read(&config)?;
        settings.options.ztoc.memory = cx.data().memory.clone();
        let call = CallContext::new(cx, limit);
        let doing = format!("indexing {}", settings.image);
        let consequence = "Unreferenced blobs may be left in the registry.";
        let work = build(cx, &settings, progress);
        Ok(call.run(&doing, consequence, work).await?)
    }
}

async fn build(
    cx: &Context<Shared>,
    settings: &Settings,
    progress: &ActionProgress,
) -> Result<(), Diagnostic> {
    let name = settings.image.to_string();
    let image = open(cx.data(), &settings.image).await?;
    if let Some(tag) = &settings.tag {
        check_tag_early(&image, settings, &image, tag).await?;
    }
    let indexed = index(&image, settings, progress)
        .await
        .map_err(|error| diagnose("indexing", &name, &error))?;
    let report = indexed.report();
    warnings::of_build(cx, &name, report);
    if report.is_empty() {
        return Ok(());
    }
    let publishing = |error: Error| diagnose("publishing the index of", &name, &error);
    let _lock = cx.data().lock_repository(&settings.image).await;
    if let (Some(tag), Some(digest)) = (&settings.tag, report.digest) {
        let now = image.resolve(tag).await.map_err(publishing)?;
        if let Some(now) = now.filter(|now| now.digest != digest) {
            check_tag(cx, &image, settings, tag, now.digest).await?;
        }
    }
    let tag = settings.tag.as_deref();
    indexed.publish(&image, tag).await.map_err(publishing)?;
    progress.report(published(settings, report)).await;
    Ok(())
}

/// Indexes the image, and reports each layer when it is done.
async fn index(
    image: &RegistryImage,
    settings: &Settings,
    progress: &ActionProgress,
) -> soci::Result<Indexed> {
    let (sender, mut done) = tokio::sync::mpsc::unbounded_channel();
    let layers = Layers(sender);
    let indexing = async {
        let indexed = soci::index(image, image, &settings.options, &(), &layers).await;
        drop(layers);
        indexed
    };
    let telling = async {
        while let Some(line) = done.recv().await {
            progress.report(line).await;
        }
    };
    let (indexed, ()) = tokio::join!(indexing, telling);
    indexed
}

/// Lines about finished layers.
struct Layers(tokio::sync::mpsc::UnboundedSender<String>);

impl soci::Progress for Layers {
    fn layer_finished(&self, layer: &Descriptor, skipped: Option<&SkipReason>) {
        let line = match skipped {
            None => format!("layer {} indexed ({} bytes)", layer.digest, layer.size),
            Some(reason) => format!("layer {} skipped: {reason}", layer.digest),
        };
        // The receiver is dropped only when the action ends.
        let _ = self.0.send(line);
    }
}

fn published(settings: &Settings, report: &Report) -> String {
    let deploy = report.digest.unwrap_or(report.source.digest);
    let name = settings.image.name();
    match (settings.version, &settings.tag) {
        (Version::V2, Some(tag)) => format!("published {name}:{tag}; deploy {name}@{deploy}"),
        _ => format!("published; deploy {name}@{deploy}"),
    }
}
