//! How the tar of a layer becomes its blob.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::machine;

/// A compressor that reads a tar and writes a layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compressor {
    /// The program, and the Debian package that it comes from; none if it is ours.
    program: (&'static str, Option<&'static str>),
    /// `{}` is the file with the tar. Without it, the tar is standard input.
    arguments: &'static [&'static str],
}

/// Compressors that write gzip in their own ways: with other block sizes, several members or
/// empty blocks.
pub(crate) const COMPRESSORS: [Compressor; 10] = [
    Compressor {
        program: ("gzip", Some("gzip")),
        arguments: &["-c", "-9"],
    },
    Compressor {
        program: ("pigz", Some("pigz")),
        arguments: &["-c", "-b", "128"],
    },
    Compressor {
        program: ("igzip", Some("isal")),
        arguments: &["-c", "-2"],
    },
    Compressor {
        program: ("zopfli", Some("zopfli")),
        arguments: &["-c", "--i1", "{}"],
    },
    Compressor {
        program: ("libdeflate-gzip", Some("libdeflate-tools")),
        arguments: &["-c", "-6"],
    },
    Compressor {
        program: ("bgzip", Some("tabix")),
        arguments: &["-c"],
    },
    Compressor {
        program: ("7zz", Some("7zip")),
        arguments: &["a", "-tgzip", "-si", "-so", "-an"],
    },
    Compressor {
        program: ("node", Some("nodejs")),
        arguments: &[
            "-e",
            "process.stdin.pipe(require('zlib').createGzip()).pipe(process.stdout)",
        ],
    },
    Compressor {
        program: ("python3", Some("python3")),
        arguments: &[
            "-c",
            "import sys, zlib; z = zlib.compressobj(wbits=31); [sys.stdout.buffer.write(z.compress(piece) + z.flush(zlib.Z_FULL_FLUSH)) for piece in iter(lambda: sys.stdin.buffer.read(100000), b'')]; sys.stdout.buffer.write(z.flush())",
        ],
    },
    Compressor {
        program: ("pack", None),
        arguments: &["gzip"],
    },
];

/// The fastest of them.
pub(crate) const FAST: Compressor = Compressor {
    program: ("igzip", Some("isal")),
    arguments: &["-c", "-1"],
};

const ZSTD: Compressor = Compressor {
    program: ("pack", None),
    arguments: &["zstd"],
};

impl Compressor {
    /// The program's name.
    pub(crate) fn name(&self) -> &'static str {
        match self.program {
            ("pack", _) => "Go compress/gzip",
            (name, _) => name,
        }
    }

    /// The Debian package of the program; none if it is ours.
    pub(crate) fn package(&self) -> Option<&'static str> {
        self.program.1
    }

    fn run(&self, tar: &Path, blob: &Path) -> Result<()> {
        let program = match self.program {
            (name, Some(package)) => machine::tool(name, package)?,
            (name, None) => machine::program(name)?,
        };
        let arguments = self.arguments.iter().map(|argument| match *argument {
            "{}" => tar.as_os_str().to_owned(),
            argument => argument.into(),
        });
        let status = Command::new(&program)
            .args(arguments)
            .stdin(File::open(tar)?)
            .stdout(File::create(blob)?)
            .stderr(Stdio::null())
            .status()?;
        ensure!(status.success(), "{}: {status}", program.display());
        Ok(())
    }
}

/// How a layer is stored.
#[derive(Clone, Debug)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    /// gzip of one member for every so many bytes of the tar.
    Members(usize),
    Compressor(Compressor),
    Zstd,
}

impl Packing {
    pub(crate) fn media_type(&self) -> &'static str {
        match self {
            Self::Plain => "application/vnd.oci.image.layer.v1.tar",
            Self::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
            Self::Gzip | Self::Members(_) | Self::Compressor(_) => {
                "application/vnd.oci.image.layer.v1.tar+gzip"
            }
        }
    }

    /// Writes the file `blob`.
    pub(crate) fn pack(&self, tar: &Path, blob: &Path) -> Result<()> {
        // Not the fastest level, at which zlib-rs writes one endless block: decompression can
        // only start between blocks.
        let level = Compression::new(3);
        match self {
            Self::Plain => {
                fs::copy(tar, blob)?;
            }
            Self::Gzip => {
                let mut encoder = GzEncoder::new(BufWriter::new(File::create(blob)?), level);
                io::copy(&mut BufReader::new(File::open(tar)?), &mut encoder)?;
                encoder.finish()?.flush()?;
            }
            Self::Members(size) => {
                let mut blob = BufWriter::new(File::create(blob)?);
                let mut tar = BufReader::new(File::open(tar)?);
                loop {
                    let mut piece = Vec::new();
                    (&mut tar).take(*size as u64).read_to_end(&mut piece)?;
                    if piece.is_empty() {
                        break;
                    }
                    let mut encoder = GzEncoder::new(&mut blob, level);
                    encoder.write_all(&piece)?;
                    encoder.finish()?;
                }
                blob.flush()?;
            }
            Self::Compressor(compressor) => compressor.run(tar, blob)?,
            Self::Zstd => ZSTD.run(tar, blob)?,
        }
        let size = fs::metadata(blob).context("no layer was written")?.len();
        ensure!(size > 0, "{self:?} wrote nothing");
        Ok(())
    }
}
