//! `soci inspect`.

mod tree;

use anyhow::{Context, Result};
use serde::Serialize;
use soci::oci::Descriptor;
use soci::{Digest, Error, Inspection, MemoryBudget, ZtocInspection};

use crate::access::Access;
use crate::exit::Exit;
use crate::image::{Image, Store};
use crate::location::Location;
use crate::output::{print_json, print_lines};

/// Prints the indexes of an image as a tree or as JSON.
pub(crate) async fn run(
    source: &Location,
    json: bool,
    access: &Access,
    memory: &MemoryBudget,
) -> Result<Exit> {
    let image = Image::open(source, &access.endpoint()?).await?;
    let inspecting = || format!("inspecting {source}");
    let inspection = soci::inspect(image.store())
        .await
        .with_context(inspecting)?;
    let found = Found::read(image.store(), &inspection, memory)
        .await
        .with_context(inspecting)?;
    if json {
        print_json(&found)?;
    } else {
        print_lines(tree::lines(&found.tree()))?;
    }
    Ok(Exit::Success)
}

/// An image with its indexes and the contents of their zTOCs.
#[derive(Serialize)]
struct Found {
    digest: Digest,
    platforms: Vec<Platform>,
}

#[derive(Serialize)]
struct Platform {
    platform: String,
    manifest: Digest,
    layers: Vec<Blob>,
    indexes: Vec<Index>,
}

#[derive(Serialize)]
struct Index {
    version: &'static str,
    digest: Digest,
    size: u64,
    ztocs: Vec<Ztoc>,
    prefetch: Vec<Blob>,
}

#[derive(Serialize)]
struct Blob {
    digest: Digest,
    size: u64,
    media_type: String,
}

#[derive(Serialize)]
struct Ztoc {
    layer: Digest,
    digest: Digest,
    size: u64,
    #[serde(flatten)]
    content: Content,
}

/// The content of a zTOC, or the reason why it is unknown.
#[derive(Serialize)]
#[serde(untagged)]
enum Content {
    Read {
        span_size: u64,
        files: usize,
        spans: usize,
        /// Whether the layer has several gzip members.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        several_members: bool,
    },
    Unusable {
        error: String,
    },
}

impl Found {
    async fn read(
        store: &dyn Store,
        inspection: &Inspection,
        memory: &MemoryBudget,
    ) -> Result<Self> {
        let mut platforms = Vec::new();
        for platform in &inspection.platforms {
            let mut indexes = Vec::new();
            for index in &platform.indexes {
                let mut ztocs = Vec::new();
                for ztoc in &index.ztocs {
                    ztocs.push(Ztoc {
                        layer: ztoc.layer,
                        digest: ztoc.descriptor.digest,
                        size: ztoc.descriptor.size,
                        content: Content::read(store, ztoc, &platform.layers, memory).await?,
                    });
                }
                indexes.push(Index {
                    version: index.version.name(),
                    digest: index.digest,
                    size: index.size,
                    ztocs,
                    prefetch: index.prefetch.iter().map(Blob::new).collect(),
                });
            }
            platforms.push(Platform {
                platform: platform.platform.clone(),
                manifest: platform.manifest,
                layers: platform.layers.iter().map(Blob::new).collect(),
                indexes,
            });
        }
        Ok(Self {
            digest: inspection.root,
            platforms,
        })
    }

    fn tree(&self) -> Vec<tree::Node> {
        use tree::Node;
        let mut nodes = vec![Node::new(0, format!("image {}", self.digest))];
        for platform in &self.platforms {
            nodes.push(Node::new(1, platform.platform.clone()));
            nodes.push(Node::new(2, format!("manifest {}", platform.manifest)));
            if platform.indexes.is_empty() {
                nodes.push(Node::new(2, "no SOCI index".to_owned()));
            }
            for index in &platform.indexes {
                let (version, digest) = (index.version, index.digest);
                nodes.push(Node::new(2, format!("SOCI index {version} {digest}")));
                for ztoc in &index.ztocs {
                    nodes.push(Node::new(3, format!("layer {}", ztoc.layer)));
                    let content = match &ztoc.content {
                        Content::Read {
                            files,
                            spans,
                            several_members,
                            ..
                        } => {
                            let size = ztoc.size;
                            let members = if *several_members {
                                SEVERAL_MEMBERS
                            } else {
                                ""
                            };
                            format!("{size} bytes, {files} files, {spans} spans{members}")
                        }
                        Content::Unusable { error } => error.clone(),
                    };
                    nodes.push(Node::new(4, format!("zTOC {}  {content}", ztoc.digest)));
                }
            }
        }
        nodes
    }
}

impl Blob {
    fn new(descriptor: &Descriptor) -> Self {
        Self {
            digest: descriptor.digest,
            size: descriptor.size,
            media_type: descriptor.media_type.clone(),
        }
    }
}

/// The note on a layer that older readers cannot handle.
const SEVERAL_MEMBERS: &str =
    ", several gzip members (soci-snapshotter before v0.14.0 reads them wrong)";

impl Content {
    async fn read(
        store: &dyn Store,
        inspected: &ZtocInspection,
        layers: &[Descriptor],
        memory: &MemoryBudget,
    ) -> Result<Self> {
        match inspected.read(store, memory).await {
            Ok(ztoc) => Ok(Self::Read {
                span_size: ztoc.checkpoints.span_size(),
                files: ztoc.files.len(),
                spans: ztoc.span_digests.len(),
                several_members: several_members(store, inspected, layers, &ztoc).await?,
            }),
            Err(error) if error.is_not_found() => Ok(Self::Unusable {
                error: "missing".to_owned(),
            }),
            Err(
                error @ (Error::Ztoc { .. }
                | Error::DigestMismatch { .. }
                | Error::SizeMismatch { .. }),
            ) => Ok(Self::Unusable {
                error: format!("broken: {error}"),
            }),
            Err(error) => Err(error.into()),
        }
    }
}

/// Returns whether the layer of a zTOC has several gzip members; false if the layer is not present.
async fn several_members(
    store: &dyn Store,
    inspected: &ZtocInspection,
    layers: &[Descriptor],
    ztoc: &soci::ztoc::Ztoc,
) -> Result<bool> {
    let Some(layer) = layers.iter().find(|layer| layer.digest == inspected.layer) else {
        return Ok(false);
    };
    match inspected.has_several_members(store, layer, ztoc).await {
        Err(error) if error.is_not_found() => Ok(false),
        found => Ok(found?),
    }
}
