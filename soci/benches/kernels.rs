//! The parts of a zTOC build on their own: `cargo bench --bench kernels`.

use std::hint::black_box;
use std::io::Write;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use soci::ztoc::{Builder, BuiltZtoc, Compression, Options, Ztoc};

/// Content that is about as compressible as programs are.
fn content(size: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let word = state >> 16;
        if word & 3 == 0 {
            (word >> 8) as u8
        } else {
            b'a' + (word >> 2 & 7) as u8
        }
    };
    std::iter::repeat_with(byte).take(size).collect()
}

/// A tar of `files` files of `size` bytes each.
fn tar(files: usize, size: usize) -> Vec<u8> {
    let content = content(size);
    let mut tar = tar::Builder::new(Vec::new());
    for number in 0..files {
        let mut header = tar::Header::new_ustar();
        header.set_size(size as u64);
        header.set_mode(0o644);
        let name = format!("usr/share/doc/package{}/file{number}", number / 20);
        tar.append_data(&mut header, name, &content[..])
            .expect("memory takes all");
    }
    tar.into_inner().expect("memory takes all")
}

fn gzip(tar: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::new(6));
    encoder.write_all(tar).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn build(layer: &[u8], compression: Compression) -> BuiltZtoc {
    let mut builder = Builder::new(compression, Options::default());
    for piece in layer.chunks(1 << 20) {
        builder.push(piece).expect("a sound layer");
    }
    builder.finish().expect("a sound layer")
}

fn kernels(criterion: &mut Criterion) {
    let large = tar(16, 2 << 20);
    let small = tar(20_000, 0);
    let large_gzip = gzip(&large);

    // Throughput counts decompressed bytes.
    let mut group = criterion.benchmark_group("build");
    group.throughput(Throughput::Bytes(large.len() as u64));
    group.bench_function("gzip", |bencher| {
        bencher.iter(|| build(black_box(&large_gzip), Compression::GZIP));
    });
    group.bench_function("plain", |bencher| {
        bencher.iter(|| build(black_box(&large), Compression::NONE));
    });
    group.finish();

    let mut group = criterion.benchmark_group("tar headers");
    group.throughput(Throughput::Elements(20_000));
    group.bench_function("ustar", |bencher| {
        bencher.iter(|| build(black_box(&small), Compression::NONE));
    });
    group.finish();

    let bytes = build(&small, Compression::NONE).to_bytes();
    let mut group = criterion.benchmark_group("ztoc of 20,000 files");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| Ztoc::parse(black_box(&bytes)).expect("own bytes"));
    });
    let ztoc = Ztoc::parse(&bytes).expect("own bytes");
    group.bench_function("write", |bencher| {
        bencher.iter(|| black_box(&ztoc).to_bytes());
    });
    group.finish();
}

fn config() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
}

criterion_group! {
    name = benches;
    config = config();
    targets = kernels
}
criterion_main!(benches);
