//! Ten thousand mutations of the golden vectors.
//!
//! Ceilings, in bytes of memory beyond the input:
//! - building two zTOCs with a limit of n bytes, one of which is parsed: 4 n;
//! - reading a zTOC of n bytes: [`ztoc_ceiling`].

use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::bodies;
use crate::ceiling::Meter;
use crate::mutate::{Dice, mutate, repair_checksums};

const LAYERS: u64 = 6_000;
const ZTOCS: u64 = 4_000;

/// Files may share strings up to 16 times the buffer, in vectors that may just be growing; then
/// the zTOC is written again.
pub(crate) fn ztoc_ceiling(length: usize) -> usize {
    (1 << 20) + 64 * length
}

/// The vectors of a directory, those of up to `longest` bytes.
fn vectors(directory: &str, longest: usize) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    let entries = std::fs::read_dir(root.join(directory)).expect("the vectors");
    let mut paths: Vec<_> = entries.map(|e| e.expect("a vector").path()).collect();
    paths.sort();
    let files = paths
        .iter()
        .map(|path| std::fs::read(path).expect("a vector"));
    files.filter(|file| file.len() <= longest).collect()
}

/// The tars in layers that have one.
fn tars(layers: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let inflate = |layer: &Vec<u8>| {
        let mut tar = Vec::new();
        let decoder = flate2::read::MultiGzDecoder::new(&layer[..]);
        // A damaged layer gives what comes before the damage.
        let _ = decoder.take(200_000).read_to_end(&mut tar);
        tar
    };
    layers
        .iter()
        .map(inflate)
        .filter(|tar| !tar.is_empty())
        .collect()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

/// Runs `body` over `count` mutations, and says how many of them were sound all the same.
fn run(
    meter: &Meter,
    count: u64,
    make: impl Fn(&mut Dice) -> Vec<u8>,
    body: impl Fn(&[u8]) -> bool,
    ceiling: impl Fn(usize) -> usize,
) -> usize {
    let mut sound = 0;
    let mut highest = (0, 0);
    let mut wrong = Vec::new();
    for number in 0..count {
        let input = make(&mut Dice(number));
        let (result, peak) = meter.peak_of(|| catch_unwind(AssertUnwindSafe(|| body(&input))));
        highest = highest.max((peak, number));
        match result {
            Err(_) => wrong.push(format!("mutation {number}: it panics")),
            Ok(_) if peak > ceiling(input.len()) => wrong.push(format!(
                "mutation {number}: {} bytes take {peak} bytes of memory",
                input.len()
            )),
            Ok(all_the_way) => sound += usize::from(all_the_way),
        }
    }
    let (peak, number) = highest;
    println!("{count} mutations, {sound} of them sound; at most {peak} bytes, by {number}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    sound
}

#[test]
fn mutated_layers() {
    let meter = Meter::alone();
    let mut layers = vectors("layers", 12_000);
    let larger = vectors("layers", 150_000);
    layers.extend(
        larger
            .iter()
            .filter(|layer| layer.len() > 12_000)
            .take(4)
            .cloned(),
    );
    let tars = tars(&layers);
    let make = |dice: &mut Dice| {
        let mut how = dice.word() as u8;
        // A third is mutated as it is, the others before compression; of those, half stay
        // without it.
        let kind = dice.below(3);
        let bases = if kind == 0 { &layers } else { &tars };
        let mut bytes = bases[dice.below(bases.len())].clone();
        mutate(&mut bytes, bases, dice);
        if kind > 0 && dice.below(4) > 0 {
            repair_checksums(&mut bytes);
        }
        how = how & !1 | u8::from(kind == 1);
        if kind == 2 {
            bytes = gzip(&bytes);
        }
        bytes.insert(0, how);
        bytes
    };
    let sound = run(&meter, LAYERS, make, bodies::layer, |_| {
        4 * bodies::MAX_MEMORY as usize
    });
    assert!(
        sound > LAYERS as usize / 10,
        "mutations are too wild: {sound}"
    );
}

#[test]
fn mutated_ztocs() {
    let meter = Meter::alone();
    let ztocs = vectors("ztocs", 70_000);
    let make = |dice: &mut Dice| {
        let mut bytes = ztocs[dice.below(ztocs.len())].clone();
        // Where the tables are, that is around the windows.
        let end = bytes.len().min(600);
        let tables = if dice.below(4) == 0 { bytes.len() } else { end };
        let windows = bytes.split_off(tables);
        mutate(&mut bytes, &ztocs, dice);
        bytes.extend(windows);
        bytes
    };
    let sound = run(&meter, ZTOCS, make, bodies::ztoc, ztoc_ceiling);
    assert!(
        sound > ZTOCS as usize / 10,
        "mutations are too wild: {sound}"
    );
}
