//! Costs of the functions as they are shipped, beside other programs on the same image in the same run.
//!
//! `make bench` runs `costs FUNCTIONS SOCI`: FUNCTIONS is the directory of the two bootstraps, SOCI the
//! release build of the command. The image is made of files of the Rust toolchain; a registry on the
//! loopback and a fake of the Lambda runtime API serve it. Wall time runs from the event to its answer;
//! processor time and peak memory are those of the whole process.
//!
//! - `BENCH_SCALE=N`: layers of N percent of their usual size.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::cost::{self, Cost};
use tests::fake::lambda::{FakeLambda, function_arn, push_event};
use tests::image::{Compression, Layer, Layout, MediaTypes, noise};
use tests::interrupt::Interrupt;
use tests::registry::{PASSWORD, Registry, USER};
use tests::{skopeo, toolchain};

const REPOSITORY: &str = "shop/web";
/// Size of the tars of the large layers, in bytes.
const LARGE: [u64; 3] = [160 << 20, 640 << 20, 320 << 20];
/// Random bytes of the last layer, which changes with every push.
const LAST: usize = 20 << 20;
/// Longest time for an event.
const LIMIT: Duration = Duration::from_secs(300);
/// The memory of the function in MB, which is all of a CPU.
const MEMORY: &str = "1769";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:?}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let usage = "want the directory of the functions and the command soci";
    let functions = PathBuf::from(arguments.next().context(usage)?);
    let soci = PathBuf::from(arguments.next().context(usage)?);
    let generator = functions.join("index-generator");
    let filter = functions.join("event-filter");
    for program in [&generator, &filter, &soci] {
        ensure!(program.exists(), "{}: does not exist", program.display());
    }

    let registry = Registry::start_authenticated()?;
    let directory = tempfile::tempdir()?;
    let layout = Layout::create(directory.path())?;
    let mut layers = large_layers(&layout)?;
    layers.push(last_layer(&layout, 1)?);
    let first = push(&layout, &layers, &registry, "1")?;
    layers.pop();
    layers.push(last_layer(&layout, 2)?);
    let next = push(&layout, &layers, &registry, "2")?;
    let size: u64 = layers.iter().map(|layer| layer.size).sum();
    println!(
        "image: {} layers, {} MB compressed",
        layers.len(),
        size / 1_000_000
    );

    let gzip = decompress(directory.path(), &layers)?;
    let fake = FakeLambda::start(&format!("http://{}", registry.address()))?;
    let one = invoke(
        &generator,
        &fake,
        &push_event(REPOSITORY, &first, Some("1")),
    )?;
    let items = fake.items();
    let fake = FakeLambda::start(&format!("http://{}", registry.address()))?;
    fake.put_items(items);
    let two = invoke(&generator, &fake, &push_event(REPOSITORY, &next, Some("2")))?;
    let convert = convert(&soci, &registry)?;

    println!("| | wall | CPU | peak memory | CPU / gzip -dc |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    for (name, cost) in [
        ("gzip -dc of the layers", &gzip),
        ("generator, first push", &one),
        ("generator, the last layer is new", &two),
        ("soci convert, registry to registry", &convert),
    ] {
        println!(
            "| {name} | {:.2} s | {:.2} s | {} MB | {:.2} |",
            cost.wall.as_secs_f64(),
            cost.cpu.as_secs_f64(),
            cost.memory / 1_000_000,
            cost.cpu.as_secs_f64() / gzip.cpu.as_secs_f64()
        );
    }
    for (name, program) in [("filter", &filter), ("generator", &generator)] {
        let (start, memory) = start(program)?;
        println!(
            "{name}: {:.1} ms to its first event, {} MB",
            start.as_secs_f64() * 1000.0,
            memory / 1_000_000
        );
    }
    Ok(())
}

/// Fills layers with files of the Rust toolchain, each with files of its own.
fn large_layers(layout: &Layout) -> Result<Vec<Layer>> {
    let scale: u64 = match std::env::var("BENCH_SCALE") {
        Ok(scale) => scale.parse().context("BENCH_SCALE")?,
        Err(_) => 100,
    };
    let mut files = toolchain::all()?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut files = files.into_iter().cycle();
    let mut number = 0_u32;
    let mut layers = Vec::new();
    for size in LARGE {
        let wanted = size * scale / 100;
        layers.push(layout.layer(Compression::Gzip, |archive| {
            let mut size = 0;
            while size < wanted {
                let file = files.next().context("no files")?;
                size += file.size;
                number += 1;
                archive.host_file(&format!("opt/{number}"), &file.source)?;
            }
            Ok(())
        })?);
    }
    Ok(layers)
}

fn last_layer(layout: &Layout, seed: u64) -> Result<Layer> {
    layout.layer(Compression::Gzip, |archive| {
        archive.file("srv/data", &noise(seed, LAST))
    })
}

/// Pushes an image; returns its digest.
fn push(layout: &Layout, layers: &[Layer], registry: &Registry, tag: &str) -> Result<String> {
    layout.publish(&layout.image("amd64", MediaTypes::Oci, layers)?)?;
    let name = format!("{REPOSITORY}:{tag}");
    skopeo::push(layout.directory(), registry, &name, &Interrupt::default())?;
    Ok(registry.expect_manifest(REPOSITORY, tag)?.digest)
}

/// A function in an environment like Lambda's.
fn function(program: &Path, fake: &FakeLambda) -> Command {
    let mut command = fake.command(program, MEMORY);
    command
        .env("soci_ztoc_table", "images-ztocs")
        .env("soci_repository_image_tag_filters", "*:*")
        .env("soci_index_generator_lambda_arn", function_arn())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn invoke(generator: &Path, fake: &FakeLambda, event: &Value) -> Result<Cost> {
    let mut child = function(generator, fake).spawn()?;
    fake.first_next()?;
    let sent = Instant::now();
    let number = fake.send(event, LIMIT);
    let answer = fake.answer(number)?;
    let wall = sent.elapsed();
    child.kill()?;
    let (_, used) = cost::wait(child, sent)?;
    let answer = answer.map_err(|error| anyhow::anyhow!("{error}"))?;
    ensure!(
        answer
            .as_str()
            .is_some_and(|answer| answer.starts_with("indexed")),
        "{answer}"
    );
    println!("{answer}");
    Ok(Cost { wall, ..used })
}

/// Returns the time until a function asks for its first event, and its memory by then.
fn start(program: &Path) -> Result<(Duration, u64)> {
    let mut best = (Duration::MAX, 0);
    for _ in 0..20 {
        let fake = FakeLambda::start("http://127.0.0.1:1")?;
        let started = Instant::now();
        let mut child = function(program, &fake).spawn()?;
        let ready = fake.first_next()?.duration_since(started);
        child.kill()?;
        let (_, used) = cost::wait(child, started)?;
        if ready < best.0 {
            best = (ready, used.memory);
        }
    }
    Ok(best)
}

fn decompress(layout: &Path, layers: &[Layer]) -> Result<Cost> {
    let blobs = layers.iter().map(|layer| {
        let hex = layer.digest.trim_start_matches("sha256:");
        layout.join("blobs/sha256").join(hex)
    });
    let mut command = Command::new("gzip");
    command
        .args(["--decompress", "--stdout", "--force"])
        .args(blobs);
    Ok(cost::run(&mut command)?)
}

fn convert(soci: &Path, registry: &Registry) -> Result<Cost> {
    let password = tempfile::NamedTempFile::new()?;
    std::fs::write(password.path(), PASSWORD)?;
    let image = |tag: &str| registry.reference(&format!("{REPOSITORY}:{tag}"));
    let mut command = Command::new(soci);
    command
        .args(["--quiet", "convert", &image("1"), &image("convert")])
        // Other zTOCs than the generator's, so that all of them are uploaded.
        .args(["--build-tool", "bench", "--username", USER, "--password-file"])
        .arg(password.path());
    Ok(cost::run(&mut command)?)
}
