//! `soci ztoc info`.

use std::path::Path;

use anyhow::Result;
use serde_json::json;
use soci::ztoc::FileMetadata;
use soci::{Digest, MemoryBudget};

use super::parsed::{Parsed, read};
use crate::exit::Exit;
use crate::output::{print_json, print_lines};

/// Prints what a zTOC contains.
pub(super) fn run(path: &Path, as_json: bool, memory: &MemoryBudget) -> Result<Exit> {
    let parsed = read(path, memory)?;
    if as_json {
        print_json(&json(&parsed))?;
    } else {
        print_lines(lines(&parsed))?;
    }
    Ok(Exit::Success)
}

fn json(Parsed { ztoc, bytes }: &Parsed) -> serde_json::Value {
    let text = String::from_utf8_lossy;
    let files: Vec<_> = ztoc
        .files
        .iter()
        .map(|file| {
            let xattrs = file.xattrs.iter();
            let xattrs: Vec<_> = xattrs
                .map(|xattr| json!({"key": text(&xattr.key), "value": text(&xattr.value)}))
                .collect();
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
                "xattrs": xattrs,
            })
        })
        .collect();
    json!({
        "digest": Digest::of(bytes).to_string(),
        "size": bytes.len(),
        "build_tool": text(&ztoc.build_tool),
        "compression": ztoc.checkpoints.compression().name(),
        "compressed_size": ztoc.compressed_size,
        "uncompressed_size": ztoc.uncompressed_size,
        "span_size": ztoc.checkpoints.span_size(),
        "spans": ztoc.span_digests,
        "files": files,
    })
}

fn lines(Parsed { ztoc, bytes }: &Parsed) -> Vec<String> {
    let build_tool = String::from_utf8_lossy(&ztoc.build_tool);
    let mut lines = vec![
        format!("digest             {}", Digest::of(bytes)),
        format!("size               {} bytes", bytes.len()),
        format!("build tool         {build_tool}"),
        format!(
            "compression        {}",
            ztoc.checkpoints.compression().name()
        ),
        format!("compressed size    {} bytes", ztoc.compressed_size),
        format!("uncompressed size  {} bytes", ztoc.uncompressed_size),
        format!("span size          {} bytes", ztoc.checkpoints.span_size()),
        format!("spans              {}", ztoc.span_digests.len()),
        format!("files              {}", ztoc.files.len()),
    ];
    lines.extend(ztoc.files.iter().map(line));
    lines
}

/// Formats a file like `tar -tv`, with the position of its data.
fn line(file: &FileMetadata) -> String {
    let text = String::from_utf8_lossy;
    let name = text(&file.name);
    let link = if file.linkname.is_empty() {
        String::new()
    } else {
        format!(" -> {}", text(&file.linkname))
    };
    let (kind, mode) = (file.kind.name(), file.mode & 0o7777);
    let (size, offset) = (file.size, file.offset);
    format!("{kind:8} {mode:04o} {size:>12} @{offset:<12} {name}{link}")
}
