//! Layers whose numbers do not fit into small integers.

use std::io::{self, Read};

use anyhow::Result;
use tests::registry::Registry;

use crate::archive::{Attributes, PLAIN};
use crate::image::packing::{FAST, Packing};
use crate::record::{Table, passed};
use crate::rootfs;
use crate::scene::{PLATFORM, Scene, Version};

/// A size in bytes that no signed 32-bit number holds.
const LARGE: u64 = (2 << 30) + 4097;

const FILES: usize = 100_000;

/// Endless text of long repetitions, each numbered.
struct Repetition {
    block: Vec<u8>,
    number: u64,
    position: usize,
}

impl Read for Repetition {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position == self.block.len() {
            self.number += 1;
            self.block[..8].copy_from_slice(&self.number.to_le_bytes());
            self.position = 0;
        }
        let count = (&self.block[self.position..]).read(buffer)?;
        self.position += count;
        Ok(count)
    }
}

#[test]
fn a_file_of_two_gigabytes_is_read() -> Result<()> {
    let mut scene = Scene::new(Registry::start()?, |layout| {
        let layer = layout.layer(&Packing::Compressor(FAST), |tar| {
            let content = Repetition {
                block: rootfs::prose(9, 16 << 10),
                number: 0,
                position: 0,
            };
            tar.stream("large", &PLAIN, LARGE, content)?;
            tar.file("behind", &PLAIN, b"starts after more than 2 GiB\n")
        })?;
        Ok(vec![layer])
    })?;
    scene.index(Version::V2, &[])?;
    let checked = scene.check(PLATFORM, &[true])?;
    passed(
        Table::Consumer,
        &["V2, a file of more than 2 GiB", &checked.to_string()],
    )
}

#[test]
fn a_hundred_thousand_files_are_read() -> Result<()> {
    let mut scene = Scene::new(Registry::start()?, |layout| {
        let layer = layout.layer(&Packing::Gzip, |tar| {
            for number in 0..FILES {
                let directory = format!("d{}", number / 1000);
                if number % 1000 == 0 {
                    tar.directory(&directory, &Attributes::mode(0o755))?;
                }
                let content = number.to_le_bytes();
                tar.file(
                    format!("{directory}/{number}"),
                    &PLAIN,
                    &content[..number % 8],
                )?;
            }
            Ok(())
        })?;
        Ok(vec![layer])
    })?;
    scene.index(Version::V2, &["--min-layer-size=0"])?;
    let checked = scene.check(PLATFORM, &[true])?;
    passed(
        Table::Consumer,
        &["V2, 100,000 files", &checked.to_string()],
    )
}
