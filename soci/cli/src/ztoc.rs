//! The commands that work on single zTOCs.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::json;
use soci::oci::Descriptor;
use soci::ztoc::{Builder, Checkpoints, Compression, FileMetadata, Limits, Outcome, Ztoc};
use soci::{Digest, LayerFile, LayerReader};

use crate::cli::{self, Compression as Choice, print};

/// How much of a layer is read at once, in bytes.
const PIECE: usize = 1 << 20;
/// zTOCs larger than this many bytes are refused.
const MAX_ZTOC: u64 = 1 << 30;

pub(crate) async fn run(command: cli::Ztoc) -> Result<ExitCode> {
    match command {
        cli::Ztoc::Build {
            layer,
            output,
            span_size,
            build_tool,
            compression,
        } => {
            let limits = Limits {
                span_size,
                build_tool,
                ..Limits::default()
            };
            build(&layer, &output, limits, compression)
        }
        cli::Ztoc::Info { ztoc, json } => info(&ztoc, json),
        cli::Ztoc::Extract { ztoc, layer, path } => extract(&ztoc, &layer, &path).await,
    }
}

fn build(layer: &Path, output: &Path, limits: Limits, choice: Choice) -> Result<ExitCode> {
    let reading = || format!("reading {}", layer.display());
    let mut file = File::open(layer).with_context(reading)?;
    let mut piece = vec![0; PIECE];
    // The first read decides; a regular file gives all that fits.
    let mut read = file.read(&mut piece).with_context(reading)?;
    let compression = match choice {
        Choice::Gzip => Compression::Gzip,
        Choice::None => Compression::None,
        Choice::Auto if piece[..read].starts_with(&[0x1f, 0x8b]) => Compression::Gzip,
        Choice::Auto => Compression::None,
    };
    let mut builder = Builder::new(compression, limits);
    let corrupt = || format!("{}", layer.display());
    while read > 0 {
        builder.push(&piece[..read]).with_context(corrupt)?;
        read = file.read(&mut piece).with_context(reading)?;
    }
    match builder.finish().with_context(corrupt)? {
        Outcome::Built(built) => {
            std::fs::write(output, &built.bytes)
                .with_context(|| format!("writing {}", output.display()))?;
            print(format!("{} {}\n", built.digest, built.bytes.len()))?;
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Skipped(reason) => bail!("{}: no zTOC: {reason}", layer.display()),
    }
}

fn read(path: &Path) -> Result<(Ztoc, Vec<u8>)> {
    let reading = || format!("reading {}", path.display());
    let mut bytes = Vec::new();
    File::open(path)
        .with_context(reading)?
        .take(MAX_ZTOC + 1)
        .read_to_end(&mut bytes)
        .with_context(reading)?;
    if bytes.len() as u64 > MAX_ZTOC {
        bail!(
            "{}: larger than the {MAX_ZTOC} bytes allowed",
            path.display()
        );
    }
    let ztoc = Ztoc::parse(&bytes).with_context(|| format!("{}: no zTOC", path.display()))?;
    Ok((ztoc, bytes))
}

fn info(path: &Path, as_json: bool) -> Result<ExitCode> {
    let (ztoc, bytes) = read(path)?;
    let compression = match ztoc.checkpoints {
        Checkpoints::Gzip(_) => "gzip",
        Checkpoints::Uncompressed { .. } => "none",
    };
    let text = String::from_utf8_lossy;
    if as_json {
        let files: Vec<_> = ztoc
            .files
            .iter()
            .map(|file| {
                json!({
                    "name": text(&file.name),
                    "type": file.kind.name(),
                    "offset": file.offset,
                    "size": file.size,
                    "linkname": text(&file.linkname),
                    "mode": file.mode,
                    "uid": file.uid,
                    "gid": file.gid,
                    "uname": text(&file.uname),
                    "gname": text(&file.gname),
                    "mod_time": file.mod_time,
                    "devmajor": file.devmajor,
                    "devminor": file.devminor,
                    "xattrs": file.xattrs.iter().map(|(k, v)| json!({"key": text(k), "value": text(v)})).collect::<Vec<_>>(),
                })
            })
            .collect();
        let info = json!({
            "digest": Digest::of(&bytes).to_string(),
            "size": bytes.len(),
            "build_tool": text(&ztoc.build_tool),
            "compression": compression,
            "compressed_size": ztoc.compressed_size,
            "uncompressed_size": ztoc.uncompressed_size,
            "span_size": ztoc.checkpoints.span_size(),
            "spans": ztoc.span_digests,
            "files": files,
        });
        print(format!("{info}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut lines = vec![
        format!("digest             {}", Digest::of(&bytes)),
        format!("size               {} bytes", bytes.len()),
        format!("build tool         {}", text(&ztoc.build_tool)),
        format!("compression        {compression}"),
        format!("compressed size    {} bytes", ztoc.compressed_size),
        format!("uncompressed size  {} bytes", ztoc.uncompressed_size),
        format!("span size          {} bytes", ztoc.checkpoints.span_size()),
        format!("spans              {}", ztoc.span_digests.len()),
        format!("files              {}", ztoc.files.len()),
    ];
    lines.extend(ztoc.files.iter().map(line));
    print(lines.join("\n") + "\n")?;
    Ok(ExitCode::SUCCESS)
}

/// A file as `tar -tv` would show it, with the place of its data.
fn line(file: &FileMetadata) -> String {
    let shown = |name: &[u8]| {
        let name = String::from_utf8_lossy(name);
        name.replace(char::is_control, "\u{fffd}")
    };
    let name = shown(&file.name);
    let link = if file.linkname.is_empty() {
        String::new()
    } else {
        format!(" -> {}", shown(&file.linkname))
    };
    let (kind, mode) = (file.kind.name(), file.mode & 0o7777);
    let (size, offset) = (file.size, file.offset);
    format!("{kind:8} {mode:04o} {size:>12} @{offset:<12} {name}{link}")
}

async fn extract(ztoc: &Path, layer: &Path, path: &str) -> Result<ExitCode> {
    let (ztoc, _) = read(ztoc)?;
    let metadata =
        std::fs::metadata(layer).with_context(|| format!("reading {}", layer.display()))?;
    // A layer in a file has no descriptor; all that reading takes of one is the size.
    let mut descriptor = Descriptor::of("", b"");
    descriptor.size = metadata.len();
    let file = LayerFile::new(layer);
    let content = LayerReader::new(&file, &descriptor, &ztoc)
        .with_context(|| format!("{}", layer.display()))?
        .read_file(path)
        .await
        .with_context(|| format!("{}", layer.display()))?;
    print(content)?;
    Ok(ExitCode::SUCCESS)
}
