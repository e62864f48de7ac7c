//! Examination of an image in its registry, without reading its layers.

use anyhow::Result;
use futures_util::StreamExt;
use soci::oci::Descriptor;
use soci::ztoc::Compression;
use soci::{
    BlobSource, Error, ImageSource, IndexInspection, Inspection, MemoryBudget, Options,
    PlatformInspection, RegistryImage, Version, ZtocInspection, inspect,
};

use super::diagnosis::{Diagnosis, Layer, Platform, State};

/// Requirements of any index.
const ALWAYS: [&str; 2] = [
    "AWS Fargate: Linux platform version 1.4.0, and the image in a private Amazon ECR repository",
    "elsewhere: containerd 2 with the SOCI snapshotter as the snapshotter of the pull",
];
const V1: &str = "V1: the snapshotter's pull mode soci_v1; on Fargate only accounts that used V1 before \
                  V2 was introduced";
const V2: &str = "V2: SOCI snapshotter 0.10 or later, and the reference to deploy from above: the source \
                  image does not lead to the index";

/// An index that was found, along with the image that leads to it.
struct Found {
    version: Version,
    inspection: Inspection,
}

/// Examines an image, and the SOCI-enabled image under `tag`.
pub(super) async fn examine(
    image: &RegistryImage,
    tag: Option<&str>,
    memory: &MemoryBudget,
) -> Result<Diagnosis> {
    let reference = image.reference();
    let source = image.root().await?.descriptor.digest;
    let own = inspect(&image.at(source)).await?;
    let mut problems = Vec::new();
    let found = match find(image, &own, tag).await? {
        Ok(found) => Some(found),
        Err(reasons) => {
            problems = reasons;
            None
        }
    };
    let (inspection, version) = match &found {
        Some(found) => (&found.inspection, Some(found.version)),
        None => (&own, None),
    };
    let mut platforms = Vec::new();
    for platform in &inspection.platforms {
        let platform = examine_platform(image, platform, version, memory).await?;
        problems.extend(problem(&platform, found.is_some()));
        platforms.push(platform);
    }
    let mut needs = Vec::new();
    if let Some(version) = version {
        needs.extend(ALWAYS);
        needs.push(match version {
            Version::V1 => V1,
            Version::V2 => V2,
        });
    }
    Ok(Diagnosis {
        lazy: !platforms.is_empty() && platforms.iter().all(|platform| platform.lazy),
        image: reference.to_string(),
        source,
        deploy: format!("{}@{}", reference.name(), inspection.root),
        version: version.map(Version::name),
        platforms,
        problems,
        needs,
    })
}

/// Finds the index that a host would use: the image's own, that of the SOCI-enabled image under the
/// tag, or one that refers to the image. If there is none, returns the reasons.
async fn find(
    image: &RegistryImage,
    own: &Inspection,
    tag: Option<&str>,
) -> Result<Result<Found, Vec<String>>> {
    let of = |version, inspection: &Inspection| Found {
        version,
        inspection: inspection.clone(),
    };
    if has(own, Version::V2) {
        return Ok(Ok(of(Version::V2, own)));
    }
    let why = match tag {
        None => "the reference has no tag that would lead to a SOCI-enabled image (V2)".to_owned(),
        Some(tag) => match enabled(image, own, tag).await? {
            Ok(enabled) => return Ok(Ok(of(Version::V2, &enabled))),
            Err(why) => why,
        },
    };
    if has(own, Version::V1) {
        return Ok(Ok(of(Version::V1, own)));
    }
    let referrers = "no SOCI index (V1) refers to the image".to_owned();
    Ok(Err(vec![why, referrers]))
}

/// Finds the SOCI-enabled image under a tag, or the reason why there is none.
async fn enabled(
    image: &RegistryImage,
    own: &Inspection,
    tag: &str,
) -> Result<Result<Inspection, String>> {
    let Some(now) = image.resolve(tag).await? else {
        return Ok(Err(format!("there is no SOCI-enabled image (V2) {tag}")));
    };
    if now.digest == own.root {
        return Ok(Err(format!(
            "{tag} is the image itself: its indexer found no layer to index"
        )));
    }
    let enabled = match inspect(&image.at(now.digest)).await {
        Ok(enabled) => enabled,
        Err(error) if error.is_not_found() => {
            return Ok(Err(format!("{tag} is not complete: {error}")));
        }
        Err(error @ Error::NotAnImage { .. }) => {
            return Ok(Err(format!("{tag} is not an image: {error}")));
        }
        Err(error) => return Err(error.into()),
    };
    Ok(if !own.has_layers_of(&enabled) {
        Err(format!(
            "{tag} was built from another image: it is outdated"
        ))
    } else if !has(&enabled, Version::V2) {
        Err(format!("{tag} carries no SOCI index"))
    } else {
        Ok(enabled)
    })
}

fn has(inspection: &Inspection, version: Version) -> bool {
    let mut indexes = inspection
        .platforms
        .iter()
        .flat_map(|platform| &platform.indexes);
    indexes.any(|index| index.version == version)
}

/// Returns the reason why a platform is not loaded lazily.
fn problem(platform: &Platform, has_index: bool) -> Option<String> {
    let name = &platform.platform;
    let broken = |layer: &&Layer| matches!(layer.state, State::Broken { .. });
    if platform.layers.iter().any(|layer| broken(&layer)) {
        return Some(format!("{name}: the index is broken: build it again"));
    }
    let indexable = |layer: &Layer| !matches!(layer.state, State::Whole { .. });
    if !platform.layers.iter().any(indexable) {
        return Some(format!("{name}: no layer can be loaded lazily"));
    }
    (has_index && platform.index.is_none()).then(|| format!("{name}: it was not indexed"))
}

async fn examine_platform(
    image: &RegistryImage,
    platform: &PlatformInspection,
    version: Option<Version>,
    memory: &MemoryBudget,
) -> Result<Platform> {
    let mut indexes = platform.indexes.iter();
    let index = indexes.find(|index| Some(index.version) == version);
    let mut layers = Vec::new();
    for layer in &platform.layers {
        layers.push(Layer {
            digest: layer.digest,
            size: layer.size,
            state: examine_layer(image, layer, index, memory).await?,
        });
    }
    let is_lazy = |layer: &Layer| matches!(layer.state, State::Lazily { .. });
    let is_broken = |layer: &Layer| matches!(layer.state, State::Broken { .. });
    Ok(Platform {
        platform: platform.platform.clone(),
        lazy: layers.iter().any(is_lazy) && !layers.iter().any(is_broken),
        index: index.map(|index| index.digest),
        layers,
    })
}

async fn examine_layer(
    image: &RegistryImage,
    layer: &Descriptor,
    index: Option<&IndexInspection>,
    memory: &MemoryBudget,
) -> Result<State> {
    let mut ztocs = index.into_iter().flat_map(|index| &index.ztocs);
    if let Some(ztoc) = ztocs.find(|ztoc| ztoc.layer == layer.digest) {
        return examine_ztoc(image, layer, ztoc, memory).await;
    }
    let whole = |reason: String| Ok(State::Whole { reason });
    let compression = match Compression::of_media_type(&layer.media_type) {
        Ok(compression) => compression,
        Err(reason) => return whole(reason.to_string()),
    };
    let minimum = Options::default().min_layer_size;
    if layer.size < minimum {
        let minimum = crate::size::show(minimum);
        return whole(format!("smaller than {minimum}, faster to download whole"));
    }
    if let Err(reason) = Compression::of_first_bytes(&head(image, layer).await?) {
        return whole(reason.to_string());
    }
    match (index, compression) {
        (Some(_), _) => whole("not in the index: `soci convert` says why".to_owned()),
        (None, _) => Ok(State::NotYet),
    }
}

/// Reads the first bytes of a layer.
async fn head(image: &RegistryImage, layer: &Descriptor) -> Result<Vec<u8>> {
    let wanted = layer.size.min(Compression::HEAD as u64);
    let mut pieces = image.blob(layer, 0..wanted).await?;
    let mut head = Vec::new();
    while let Some(piece) = pieces.next().await {
        head.extend_from_slice(&piece?);
    }
    Ok(head)
}

async fn examine_ztoc(
    image: &RegistryImage,
    layer: &Descriptor,
    inspected: &ZtocInspection,
    memory: &MemoryBudget,
) -> Result<State> {
    let digest = inspected.descriptor.digest;
    let broken = |reason: String| {
        Ok(State::Broken {
            ztoc: digest,
            reason,
        })
    };
    let ztoc = match inspected.read(image, memory).await {
        Ok(ztoc) => ztoc,
        Err(error) if error.is_not_found() => return broken("its zTOC is missing".to_owned()),
        Err(
            error
            @ (Error::Ztoc { .. } | Error::DigestMismatch { .. } | Error::SizeMismatch { .. }),
        ) => return broken(error.to_string()),
        Err(error) => return Err(error.into()),
    };
    if !inspected.fits_ends_of(image, layer, &ztoc).await? {
        return broken("its zTOC describes other content".to_owned());
    }
    Ok(State::Lazily {
        ztoc: digest,
        spans: ztoc.span_digests.len(),
    })
}
