//! Archives: image layouts in a tar, and what `docker save` writes.

use std::io::Write;
use std::path::Path;

use serde_json::json;
use soci::{Digest, Error, ImageSource, LayoutImage, Version};
use tempfile::TempDir;

use crate::layout::{gzip, tar};
use crate::{all, case, indexed, publish};

/// A tar of files, in order.
fn archive(files: &[(&str, &[u8])]) -> (TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("archive.tar");
    let mut tar = tar::Builder::new(std::fs::File::create(&path).expect("a file"));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        if let Some(target) = content.strip_prefix(b"-> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            let target = std::str::from_utf8(target).expect("a path");
            tar.append_link(&mut header, name, target).expect("tar");
        } else {
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, name, *content).expect("tar");
        }
    }
    tar.into_inner().expect("tar").flush().expect("written");
    (directory, path)
}

fn open(path: &Path, name: Option<&str>) -> Result<LayoutImage, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let open = LayoutImage::open_archive(path, name.map(str::to_owned));
    runtime.expect("a runtime").block_on(open)
}

#[test]
fn a_layout_in_a_tar_is_that_layout() {
    for name in ["missing-platform", "flat-index-json", "index-in-index"] {
        let layout = LayoutImage::new(case(name));
        let directory = tempfile::tempdir().expect("a temporary directory");
        let packed = directory.path().join("a.tar");
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let pack = layout.pack(&packed);
        runtime.expect("a runtime").block_on(pack).expect("packed");
        let image = open(&packed, None).expect("an archive");
        let (from_tar, _) = publish(&image, &all(Version::V2)).expect(name);
        let (from_layout, _) = publish(&layout, &all(Version::V2)).expect(name);
        assert_eq!(from_tar, from_layout, "{name}");
    }
}

#[test]
fn docker_archives_are_imported() {
    let config = json!({"architecture": "arm64", "os": "linux"}).to_string();
    let (plain, zipped) = (tar(b"plain"), gzip(&tar(b"gzip")));
    let manifest = json!([{
        "Config": "config.json",
        "RepoTags": ["example/app:1.0"],
        "Layers": ["one/layer.tar", "two/layer.tar", "three/layer.tar"],
    }]);
    let (_directory, path) = archive(&[
        ("./one/layer.tar", &plain),
        ("two/layer.tar", &zipped),
        ("three/layer.tar", b"-> ../one/layer.tar"),
        ("config.json", config.as_bytes()),
        ("manifest.json", manifest.to_string().as_bytes()),
    ]);
    let image = open(&path, None).expect("an archive");
    let (report, _) = publish(&image, &all(Version::V2)).expect("an image");
    assert_eq!(indexed(&report), ["linux/arm64"]);
    let layers: Vec<Digest> = report.indexes[0].ztocs.iter().map(|z| z.layer).collect();
    let [plain, zipped] = [Digest::of(&plain), Digest::of(&zipped)];
    assert_eq!(layers, [plain, zipped, plain]);
    let media_type = "application/vnd.docker.distribution.manifest.v2+json";
    assert_eq!(report.source.media_type, media_type);

    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    let name = runtime.block_on(image.name()).expect("a name");
    assert_eq!(name.as_deref(), Some("1.0"));
    for name in ["1.0", "docker.io/example/app:1.0"] {
        let image = open(&path, Some(name)).expect(name);
        let root = runtime.block_on(image.root()).expect(name);
        assert_eq!(root.descriptor.digest, report.source.digest, "{name}");
    }
    let other = open(&path, Some("2.0")).expect("an archive");
    let error = runtime.block_on(other.root()).expect_err("another name");
    assert!(matches!(error, Error::NotInLayout { .. }), "{error}");
}

#[test]
fn archives_of_several_images_need_a_name() {
    let config = |os: &str| json!({"architecture": "arm64", "os": os}).to_string();
    let image = |config: &str, tag: &str| json!({"Config": config, "RepoTags": [tag], "Layers": ["layer.tar"]});
    let manifest = json!([image("a.json", "a:1"), image("b.json", "b:1")]);
    let (_directory, path) = archive(&[
        ("layer.tar", &tar(b"layer")),
        ("a.json", config("linux").as_bytes()),
        ("b.json", config("windows").as_bytes()),
        ("manifest.json", manifest.to_string().as_bytes()),
    ]);
    let error = open(&path, None).expect_err("two images").to_string();
    assert!(error.contains("docker.io/library/b:1"), "{error}");
    let image = open(&path, Some("docker.io/library/b:1")).expect("one");
    let (report, _) = publish(&image, &all(Version::V2)).expect("an image");
    assert_eq!(indexed(&report), ["windows/arm64"]);
}

#[test]
fn what_is_no_archive_of_images_says_so() {
    let (_directory, path) = archive(&[("etc/passwd", b"root")]);
    let error = open(&path, None).expect_err("no image").to_string();
    assert!(error.contains("neither an image layout"), "{error}");
    std::fs::write(&path, gzip(&tar(b"archive"))).expect("written");
    let error = open(&path, None).expect_err("compressed").to_string();
    assert!(error.contains("decompress it first"), "{error}");
    std::fs::write(&path, "no tar at all".repeat(100)).expect("written");
    open(&path, None).expect_err("no tar");
    let manifest = json!([{"Config": "gone.json", "Layers": []}]).to_string();
    let (_directory, path) = archive(&[("manifest.json", manifest.as_bytes())]);
    let error = open(&path, None).expect_err("no configuration");
    assert!(
        error.is_not_found() && error.to_string().contains("gone.json"),
        "{error}"
    );
}

#[test]
fn headers_of_an_archive_are_bounded() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (kind, want) in [
        (tar::EntryType::GNULongName, "a name or a record"),
        (tar::EntryType::GNULongLink, "a name or a record"),
        (tar::EntryType::XHeader, "a name or a record"),
        (tar::EntryType::GNUSparse, "--sparse"),
    ] {
        let path = directory.path().join("archive.tar");
        let mut tar = tar::Builder::new(std::fs::File::create(&path).expect("a file"));
        let content = vec![b'a'; (1 << 20) + 1];
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_cksum();
        tar.append(&header, content.as_slice()).expect("tar");
        tar.into_inner().expect("tar").flush().expect("written");
        let error = open(&path, None).expect_err("too much").to_string();
        assert!(error.contains(want), "{error}");
    }
}
