//! Packing of an image layout into an archive.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

/// Packs the layout in a directory into an archive. Order and attributes depend only on its
/// content.
pub(super) fn pack(layout: &Path, archive: &Path) -> io::Result<()> {
    let mut name = archive.file_name().unwrap_or_default().to_owned();
    name.push(format!(".partial-{}", std::process::id()));
    let partial = Partial(archive.with_file_name(name));
    let file = File::create_new(&partial.0)?;
    let mut tar = Builder::new(BufWriter::new(file));
    append(&mut tar, layout, Path::new("oci-layout"))?;
    append(&mut tar, layout, Path::new("index.json"))?;
    let mut blobs = Vec::new();
    for entry in fs::read_dir(layout.join("blobs/sha256"))? {
        blobs.push(Path::new("blobs/sha256").join(entry?.file_name()));
    }
    blobs.sort();
    for blob in blobs {
        append(&mut tar, layout, &blob)?;
    }
    let mut file = tar.into_inner()?;
    file.flush()?;
    file.get_ref().sync_all()?;
    fs::rename(&partial.0, archive)
}

fn append(tar: &mut Builder<impl Write>, layout: &Path, path: &Path) -> io::Result<()> {
    let file = File::open(layout.join(path))?;
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(file.metadata()?.len());
    tar.append_data(&mut header, path, file)
}

/// A file that is deleted on drop unless it was renamed.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // Leaving the file behind is harmless.
        let _ = fs::remove_file(&self.0);
    }
}
