//! Many pushes at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::image::{Compression, Layout, MediaTypes, noise};
use tests::{http, upload, wait};

use super::{GENERATOR, Scenario};
use crate::scenario::{REPOSITORY, list, text};

const IMAGES: u64 = 200;
/// Images that are indexed at the same time; the others wait in Lambda's queue.
const SIMULTANEOUS: usize = 3;
/// Clients that push at the same time.
const CLIENTS: u64 = 4;
/// Bytes of noise in a layer, just above the minimum.
const LAYER: usize = 70_000;
const ARGUMENTS: &str = r#"repository_image_tag_filters = ["shop/*:*"]
  min_layer_size = 65536
  span_size = 65536
  reserved_concurrent_executions = 3"#;

/// Time limit for all of them, on a busy machine.
const ALL: Duration = Duration::from_secs(300);
/// Growth of a process that is no leak: what the allocator and the threads of one more layer take.
const NOISE: u64 = 12 << 20;

/// Shows the numbers with `--nocapture`.
#[test]
fn every_image_of_a_burst_is_indexed_once() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    let start = Instant::now();
    let sizes = push_all(&scenario)?;
    let pushed = start.elapsed();
    // The peaks of a process once it has done a part of its images.
    let mut peaks = Vec::new();
    for quarter in 1..=4 {
        let wanted = usize::try_from(IMAGES * quarter / 4)?;
        wait::until(&format!("{wanted} outputs"), ALL, || {
            Ok((scenario.aws.log().matches("-soci\"").count() >= wanted).then_some(()))
        })
        .with_context(|| scenario.logs())?;
        peaks.push(scenario.aws.peak_memory(GENERATOR)?);
    }
    let metrics = wait::until("the metrics of all", ALL, || {
        let found = metrics(&scenario)?;
        Ok((found.len() as u64 >= IMAGES).then_some(found))
    })
    .with_context(|| scenario.logs())?;
    let took = start.elapsed();
    println!("{IMAGES} pushes in {pushed:.1?}, all indexed after {took:.1?}");
    println!("peaks of the generators after each quarter, in bytes by process: {peaks:?}");

    expect_counts(&metrics, sizes.values().sum())?;
    expect_one_push_each(&scenario)?;
    for tag in sizes.keys() {
        expect_whole(&scenario, &format!("{tag}-soci"))?;
    }
    let (early, late) = (&peaks[0], &peaks[3]);
    ensure!(late.len() == SIMULTANEOUS, "{peaks:?}");
    for (process, peak) in late {
        let before = early.get(process).context("a process was replaced")?;
        ensure!(*peak <= before + NOISE, "{process} grew: {peaks:?}");
    }
    scenario.expect_nothing_after_destroy()
}

/// Pushes every image under a tag of its own. Returns the size of its layer by tag.
fn push_all(scenario: &Scenario) -> Result<BTreeMap<String, u64>> {
    let push = |client: u64| {
        let mut sizes = BTreeMap::new();
        for number in (client..IMAGES).step_by(CLIENTS as usize) {
            let directory = tempfile::tempdir()?;
            let layout = Layout::create(directory.path())?;
            let layer = layout.layer(Compression::Gzip, |archive| {
                archive.file("srv/data", &noise(number, LAYER))
            })?;
            let image = layout.image("amd64", MediaTypes::Oci, std::slice::from_ref(&layer))?;
            let tag = number.to_string();
            upload::image(scenario.aws.address(), REPOSITORY, &tag, &layout, &image)?;
            sizes.insert(tag, layer.size);
        }
        Ok(sizes)
    };
    let sizes = std::thread::scope(|scope| {
        let clients = (0..CLIENTS).map(|client| scope.spawn(move || push(client)));
        let clients: Vec<_> = clients.collect();
        let pushed = clients
            .into_iter()
            .map(|client| client.join().expect("a client does not panic"));
        pushed.collect::<Result<Vec<_>>>()
    })?;
    Ok(sizes.into_iter().flatten().collect())
}

/// Returns the generator's lines of metrics.
fn metrics(scenario: &Scenario) -> Result<Vec<Value>> {
    let lines = scenario.aws.function_log(GENERATOR)?;
    let lines = lines.iter().filter(|line| line.contains("\"_aws\""));
    Ok(lines
        .map(|line| serde_json::from_str(line))
        .collect::<Result<_, _>>()?)
}

/// Checks that every layer was read exactly once.
fn expect_counts(metrics: &[Value], bytes: u64) -> Result<()> {
    let sum = |name: &str| {
        let values = metrics.iter().map(|line| line[name].as_u64());
        values.map(Option::unwrap_or_default).sum::<u64>()
    };
    for (name, want) in [
        ("ImagesIndexed", IMAGES),
        ("ImagesSkipped", 0),
        ("ImagesFailed", 0),
        ("LayerBytes", bytes),
    ] {
        let got = sum(name);
        ensure!(got == want, "{name}: got {got}, want {want}");
    }
    Ok(())
}

/// Checks that the repository has an output for every image, and got no manifest twice.
fn expect_one_push_each(scenario: &Scenario) -> Result<()> {
    let (mut outputs, mut others) = (BTreeMap::new(), BTreeMap::new());
    for push in scenario.aws.pushes()? {
        let pushes = match push.tag.is_empty() {
            true => others.entry(push.digest).or_insert(0),
            false => outputs.entry(push.tag).or_insert(0),
        };
        *pushes += 1;
    }
    let tags = (0..IMAGES).flat_map(|number| [number.to_string(), format!("{number}-soci")]);
    let wanted: BTreeSet<String> = tags.collect();
    let got: BTreeSet<String> = outputs.keys().cloned().collect();
    ensure!(got == wanted, "tags: got {got:?}");
    // A SOCI index, a rewritten manifest and an image index.
    ensure!(others.len() as u64 == 3 * IMAGES, "{} others", others.len());
    for (name, pushes) in outputs.iter().chain(&others) {
        ensure!(*pushes == 1, "{name}: pushed {pushes} times");
    }
    Ok(())
}

/// Checks that a tag names an image whose parts all exist, the zTOC included.
fn expect_whole(scenario: &Scenario, tag: &str) -> Result<()> {
    let find = |name: &str| {
        let manifest = scenario.manifest(REPOSITORY, name)?;
        manifest.with_context(|| format!("{tag}: no {name}"))
    };
    let output = find(tag)?.json;
    let manifests = list(&output, "manifests")?;
    ensure!(manifests.len() == 2, "{tag}: {output}");
    for manifest in manifests {
        let manifest = find(text(&manifest["digest"])?)?.json;
        for blob in list(&manifest, "layers")? {
            let path = format!("/v2/{REPOSITORY}/blobs/{}", text(&blob["digest"])?);
            let found = http::request(scenario.aws.address(), "HEAD", &path, &[], b"")?;
            ensure!(found.status == 200, "{tag}: {path}: {}", found.status);
        }
    }
    Ok(())
}
