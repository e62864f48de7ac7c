//! A generator that is killed at any time, as Lambda does where a function needs more memory than it
//! has.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::aws::{LocalAws, Whole};
use tests::fake::lambda::FakeLambda;
use tests::fake::proxy::Proxy;
use tests::image::{Compression, Layout, MediaTypes, noise};
use tests::points::{Moment, Points};
use tests::{upload, wait};

use crate::function::{AMPLE, Function, Kind};
use crate::scenario::{REPOSITORY, event, text};

/// Images that are indexed meanwhile. Some generators are killed where another one was before.
const IMAGES: usize = 10;

/// The registry of a local AWS, which takes manifests that are not whole, behind a proxy.
struct Scene {
    aws: LocalAws,
    proxy: Proxy,
    version: &'static str,
    /// Digests of the images, by tag.
    images: BTreeMap<String, String>,
}

impl Scene {
    /// Prepares as many images as will be needed.
    fn new(version: &'static str) -> Result<Self> {
        let aws = LocalAws::start()?;
        aws.create_repository(REPOSITORY)?;
        let proxy = Proxy::start(aws.address())?;
        let directory = tempfile::tempdir()?;
        let layout = Layout::create(directory.path())?;
        let mut images = BTreeMap::new();
        for number in 0..=IMAGES as u64 {
            let tag = format!("{number:02}");
            let layers = [0, 1].map(|layer| {
                layout.layer(Compression::Gzip, |archive| {
                    archive.file("srv/data", &noise(2 * number + layer, 100_000))
                })
            });
            let [one, two] = layers;
            let image = layout.image("amd64", MediaTypes::Oci, &[one?, two?])?;
            let digest = upload::image(aws.address(), REPOSITORY, &tag, &layout, &image)?;
            images.insert(tag, digest);
        }
        Ok(Self {
            aws,
            proxy,
            version,
            images,
        })
    }

    fn generator(&self) -> Result<Function> {
        let fake = FakeLambda::start(&format!("http://{}", self.proxy.address()))?;
        let variables = [
            ("soci_index_version", self.version),
            ("soci_min_layer_size", "0"),
            ("soci_span_size", "65536"),
        ];
        let generator = Function::start(Kind::Generator, fake, &variables)?;
        generator.fake.first_next()?;
        Ok(generator)
    }

    fn event(&self, tag: &str) -> Value {
        event(&self.images[tag], Some(tag))
    }

    /// Indexes an image, and kills the generator at a point. Returns whether it ended before.
    fn kill(&self, tag: &str, point: Moment) -> Result<bool> {
        let generator = self.generator()?;
        let ended = || generator.output().contains("\"_aws\"");
        let before = self.proxy.count();
        generator.fake.send(self.event(tag), AMPLE);
        let mut reached = None;
        wait::until("the point of the kill", AMPLE, || {
            if self.proxy.count() - before < point.requests && !ended() {
                return Ok(None);
            }
            let reached = reached.get_or_insert_with(Instant::now);
            Ok((reached.elapsed() >= point.pause).then_some(()))
        })?;
        let ended = ended();
        // SIGKILL, to its whole group.
        drop(generator);
        Ok(ended)
    }

    /// Checks the index of an image, and that no other one belongs to it. Every manifest is whole.
    fn expect_indexed(&self, tag: &str) -> Result<()> {
        let find = |name: &str| {
            let manifest = self.aws.manifest(REPOSITORY, name)?;
            manifest.with_context(|| format!("{tag}: no {name}"))
        };
        let source = find(tag)?;
        let index = if self.version == "V2" {
            let output = find(&format!("{tag}-soci"))?;
            let entries = output["manifests"].as_array().context("no index")?;
            let [manifest, index] = entries.as_slice() else {
                anyhow::bail!("{tag}: {output}");
            };
            let manifest = find(text(&manifest["digest"])?)?;
            ensure!(manifest["layers"] == source["layers"], "{tag}: {manifest}");
            find(text(&index["digest"])?)?
        } else {
            let digest = &self.images[tag];
            let path = format!("/v2/{REPOSITORY}/referrers/{digest}");
            let list = tests::http::request(self.aws.address(), "GET", &path, &[], b"")?;
            let list: Value = serde_json::from_slice(&list.body)?;
            let entries = list["manifests"].as_array().context("no list")?;
            let [index] = entries.as_slice() else {
                anyhow::bail!("{tag}: {list}");
            };
            find(text(&index["digest"])?)?
        };
        let ztocs = index["layers"].as_array().map(Vec::len);
        ensure!(ztocs == Some(2), "{tag}: {index}");
        Ok(())
    }

    /// Number of requests that stored something.
    fn writes(&self) -> usize {
        let requests = self.proxy.requests();
        let writes = requests
            .iter()
            .filter(|request| !matches!(request.method.as_str(), "GET" | "HEAD"));
        writes.count()
    }
}

/// Kills one generator after the other, each while it indexes another image, and lets one index all
/// of them.
fn kills_leave_nothing_half_done(version: &'static str, kills: usize) -> Result<()> {
    let scene = Scene::new(version)?;
    let tags: Vec<&String> = scene.images.keys().collect();
    let (clean, killed) = tags.split_last().context("no images")?;
    scene.generator()?.expect(scene.event(clean))?;
    let requests = scene.proxy.count();
    let points = Points::choose(kills)?;

    let mut whole = Whole::default();
    // How often nothing was stored yet, something, and everything.
    let mut counts = [0; 3];
    for (tag, point) in killed.iter().cycle().zip(points.of_requests(requests)) {
        let writes = scene.writes();
        let ended = scene.kill(tag, point)?;
        let stored = scene.writes() > writes;
        counts[usize::from(stored) + usize::from(ended)] += 1;
        whole
            .check(&scene.aws, REPOSITORY)
            .with_context(|| format!("{point:?} of {points}"))?;
        // The tag comes last.
        if version == "V2" && scene.aws.tags(REPOSITORY)?.contains(&format!("{tag}-soci")) {
            scene
                .expect_indexed(tag)
                .with_context(|| format!("{point:?} of {points}"))?;
        }
    }

    // Lambda sends the events again.
    let generator = scene.generator()?;
    let mut again = || {
        for tag in &tags {
            generator.expect(scene.event(tag))?;
            scene.expect_indexed(tag)?;
        }
        whole.check(&scene.aws, REPOSITORY)
    };
    let manifests = again().with_context(|| points.to_string())?;
    let per_image = if version == "V2" { 4 } else { 2 };
    assert_eq!(manifests, per_image * tags.len(), "{points}");
    let writes = scene.writes();
    for tag in &tags {
        let answer = generator.expect(scene.event(tag))?;
        assert!(answer.ends_with("it is indexed already"), "{answer}");
    }
    assert_eq!(scene.writes(), writes, "{points}");
    let [nothing, something, everything] = counts;
    println!(
        "{version}, {requests} requests: {points}\n{nothing} killed before anything was stored, \
         {something} within, {everything} after the end"
    );
    Ok(())
}

/// Shows the numbers with `--nocapture`.
#[test]
fn a_killed_generator_leaves_nothing_half_done_v1() -> Result<()> {
    kills_leave_nothing_half_done("V1", 18)
}

/// Shows the numbers with `--nocapture`.
#[test]
fn a_killed_generator_leaves_nothing_half_done_v2() -> Result<()> {
    kills_leave_nothing_half_done("V2", 26)
}
