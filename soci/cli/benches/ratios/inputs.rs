//! The layers that are measured.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tests::gzip::{Blocks, Member};

const MIB: u64 = 1 << 20;

/// A layer in a file.
pub(crate) struct Layer {
    pub name: &'static str,
    pub path: PathBuf,
    /// Size of its tar in bytes.
    pub plain: u64,
}

/// Returns the size of all inputs in percent of the usual one.
pub(crate) fn scale() -> io::Result<u64> {
    match std::env::var("BENCH_SCALE") {
        Ok(scale) => scale.parse().map_err(io::Error::other),
        Err(_) => Ok(100),
    }
}

/// Makes the layers, those that are not there from an earlier run.
pub(crate) fn make() -> io::Result<Vec<Layer>> {
    let scale = scale()?;
    let root = std::env::var_os("BENCH_ROOT").map_or_else(|| "/usr".into(), PathBuf::from);
    let make = |name, mib: u64, write: &dyn Fn(u64, &Path) -> io::Result<()>| {
        layer(name, mib * MIB * scale / 100, write)
    };
    let from_files = |sizes: std::ops::Range<u64>| {
        let root = root.clone();
        move |plain: u64, path: &Path| machine_files(&root, sizes.clone(), plain, path)
    };
    Ok(vec![
        make("a few files", 64, &from_files(0..MIB))?,
        make("many small files", 384, &from_files(0..32 << 10))?,
        make("few large files", 512, &from_files(4 * MIB..u64::MAX))?,
        make("incompressible", 256, &made_up(noise))?,
        make("highly compressible", 2048, &made_up(lines))?,
    ])
}

fn layer(
    name: &'static str,
    plain: u64,
    write: &dyn Fn(u64, &Path) -> io::Result<()>,
) -> io::Result<Layer> {
    // Beside the build's other output, wherever that is.
    let executable = std::env::current_exe()?;
    let release = executable
        .ancestors()
        .nth(2)
        .ok_or(io::ErrorKind::NotFound)?;
    let directory = release.with_file_name("bench");
    fs::create_dir_all(&directory)?;
    let file = format!("{}-{plain}.tar.gz", name.replace(' ', "-"));
    let path = directory.join(file);
    if !path.exists() {
        eprintln!("bench: making {}", path.display());
        let partial = path.with_extension("partial");
        write(plain, &partial)?;
        fs::rename(partial, &path)?;
    }
    Ok(Layer { name, path, plain })
}

fn create(path: &Path) -> io::Result<tar::Builder<GzEncoder<BufWriter<File>>>> {
    let file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    Ok(tar::Builder::new(GzEncoder::new(file, Compression::new(6))))
}

fn finish(tar: tar::Builder<GzEncoder<BufWriter<File>>>) -> io::Result<()> {
    tar.into_inner()?.finish()?.into_inner()?.sync_all()
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1_700_000_000);
    header
}

/// A layer of this machine's files of certain sizes. Where there are not enough of them, they
/// occur again.
fn machine_files(
    root: &Path,
    sizes: std::ops::Range<u64>,
    plain: u64,
    path: &Path,
) -> io::Result<()> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        // What cannot be read is left out.
        let Ok(entries) = fs::read_dir(directory) else {
            continue;
        };
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                directories.push(entry.path());
            } else if kind.is_file() && sizes.contains(&entry.metadata()?.len()) {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    let mut tar = create(path)?;
    let mut written = 0;
    for round in 0.. {
        let before = written;
        for file in &files {
            let Ok(content) = fs::read(file) else {
                continue;
            };
            let name = file.strip_prefix(root).unwrap_or(file);
            let name = Path::new(&format!("round{round}")).join(name);
            tar.append_data(&mut header(content.len() as u64), name, &content[..])?;
            written += 512 + (content.len() as u64).next_multiple_of(512);
            if written >= plain {
                return finish(tar);
            }
        }
        if written == before {
            return Err(io::Error::other(format!("{}: no files", root.display())));
        }
    }
    unreachable!("rounds do not end")
}

/// A layer of files of 16 MiB, whose content is made up.
fn made_up(content: fn(&mut u64, &mut [u8])) -> impl Fn(u64, &Path) -> io::Result<()> {
    move |plain, path| {
        let size = 16 * MIB;
        let mut tar = create(path)?;
        let mut state = 1;
        for number in 0..plain.div_ceil(size) {
            let content = MadeUp {
                state: &mut state,
                content,
            };
            tar.append_data(
                &mut header(size),
                format!("file{number}"),
                content.take(size),
            )?;
        }
        finish(tar)
    }
}

struct MadeUp<'a> {
    state: &'a mut u64,
    content: fn(&mut u64, &mut [u8]),
}

impl Read for MadeUp<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (self.content)(self.state, buffer);
        Ok(buffer.len())
    }
}

/// The next number of a xorshift sequence.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn noise(state: &mut u64, buffer: &mut [u8]) {
    for piece in buffer.chunks_mut(8) {
        let word = next(state).to_le_bytes();
        piece.copy_from_slice(&word[..piece.len()]);
    }
}

/// Lines as of a log.
fn lines(state: &mut u64, buffer: &mut [u8]) {
    const LINE: &[u8] =
        b"2024-01-01T00:00:00Z  INFO request served: method=GET path=/ status=200\n";
    for piece in buffer.chunks_mut(LINE.len()) {
        piece.copy_from_slice(&LINE[..piece.len()]);
        let number = next(state).to_le_bytes();
        if let Some(digits) = piece.get_mut(11..15) {
            digits.copy_from_slice(&number.map(|byte| b'0' + byte % 10)[..4]);
        }
    }
}

/// A layer of files of 64 MiB that are all the same, so that it is compressed once.
pub(crate) fn repeated<W: Write>(plain: u64, to: W) -> io::Result<W> {
    let mut content = vec![0; 1 << 20];
    lines(&mut 1, &mut content);
    let blocks = Blocks::of(&content);
    let size = 64 * MIB;
    let mut member = Member::start(to)?;
    for number in 0..plain.div_ceil(size) {
        let mut header = header(size);
        header.set_path(format!("file{number}"))?;
        header.set_cksum();
        member.repeat(&Blocks::of(header.as_bytes()), 1)?;
        member.repeat(&blocks, size / content.len() as u64)?;
    }
    member.repeat(&Blocks::of(&[0; 1024]), 1)?;
    member.finish()
}
