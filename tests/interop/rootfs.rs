//! The layers of the test images.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use anyhow::Result;
use tar::EntryType;
use tests::image::noise;

use crate::archive::{Attributes, PLAIN};
use crate::image::LayerArchive;

/// `cap_net_raw=ep`, as the kernel stores it.
const CAPABILITY: &[u8] = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// Names in [`base`] that are hard links to a file which the same tar replaces.
pub(crate) fn left_behind() -> BTreeSet<PathBuf> {
    [PathBuf::from("links/kept")].into()
}

/// Text that compresses well, but not to nothing.
pub(crate) fn prose(seed: u64, size: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(size + 64);
    for (number, word) in noise(seed, size / 12 + 8).chunks(2).enumerate() {
        text.extend_from_slice(format!("{number:x} {} the layer\n", hex::encode(word)).as_bytes());
        if text.len() >= size {
            break;
        }
    }
    text.truncate(size);
    text
}

/// Everything that a tar can say about a file.
pub(crate) fn base(tar: &mut LayerArchive) -> Result<()> {
    tar.directory("etc", &Attributes::mode(0o755))?;
    tar.file("etc/hostname", &PLAIN, b"web\n")?;
    tar.file(
        "etc/shadow",
        &Attributes {
            owner: (0, 42),
            ..Attributes::mode(0o640)
        },
        b"root:*:\n",
    )?;
    tar.file("etc/empty", &PLAIN, b"")?;
    tar.file(
        "implied/twice/file",
        &PLAIN,
        b"in directories without an entry\n",
    )?;

    tar.directory("modes", &Attributes::mode(0o1777))?;
    for (name, mode) in [
        ("setuid", 0o4755),
        ("setgid", 0o2711),
        ("none", 0),
        ("all", 0o7777),
    ] {
        tar.file(
            format!("modes/{name}"),
            &Attributes::mode(mode),
            name.as_bytes(),
        )?;
    }
    let owner = Attributes {
        owner: (100_000, 65_534),
        ..PLAIN
    };
    tar.file("modes/owner", &owner, b"of somebody else\n")?;

    tar.directory("times", &Attributes::mtime("1234567890.5"))?;
    tar.file(
        "times/nanoseconds",
        &Attributes::mtime("1600000000.123456789"),
        b"ns\n",
    )?;
    tar.file("times/epoch", &Attributes::mtime("0"), b"1970\n")?;
    tar.file("times/before", &Attributes::mtime("-86400"), b"1969\n")?;
    tar.file("times/late", &Attributes::mtime("4102444800"), b"2100\n")?;

    tar.directory("changed", &Attributes::mode(0o755))?;
    tar.directory("changed/opaque", &Attributes::mode(0o755))?;
    tar.file("changed/opaque/hidden", &PLAIN, b"by the layer above\n")?;
    tar.file("changed/file", &PLAIN, b"still a file\n")?;
    tar.directory("changed/directory", &Attributes::mode(0o755))?;
    tar.file("changed/directory/file", &PLAIN, b"still in a directory\n")?;
    tar.file("changed/linked", &PLAIN, b"below\n")?;

    names(tar)?;
    links(tar)?;

    tar.directory("devices", &Attributes::mode(0o755))?;
    tar.special(EntryType::Char, "devices/null", (1, 3))?;
    tar.special(EntryType::Block, "devices/loop", (7, 200))?;
    tar.special(EntryType::Fifo, "devices/fifo", (0, 0))?;

    tar.directory(
        "xattrs",
        &Attributes::xattrs(&[("user.of", b"a directory")]),
    )?;
    tar.file(
        "xattrs/user",
        &Attributes::xattrs(&[("user.a", b"1"), ("user.b", b"\0\xff=\n")]),
        b"x\n",
    )?;
    tar.file(
        "xattrs/capability",
        &Attributes::xattrs(&[("security.capability", CAPABILITY)]),
        b"x\n",
    )?;
    tar.file(
        "xattrs/trusted",
        &Attributes::xattrs(&[("trusted.note", b"for root")]),
        b"x\n",
    )?;
    tar.file(
        "xattrs/empty",
        &Attributes::xattrs(&[("user.empty", b"")]),
        b"x\n",
    )?;
    Ok(())
}

fn names(tar: &mut LayerArchive) -> Result<()> {
    tar.directory("names", &Attributes::mode(0o755))?;
    let long = "n".repeat(200);
    tar.file(format!("names/{long}"), &PLAIN, b"200\n")?;
    tar.directory("names/deep", &Attributes::mode(0o755))?;
    let deep = format!("names/deep/{}", "d".repeat(120));
    tar.directory(&deep, &Attributes::mode(0o755))?;
    tar.file(format!("{deep}/{long}"), &PLAIN, b"more than 255 bytes\n")?;
    tar.file("names/with space\tand tab", &PLAIN, b"space\n")?;
    tar.file("names/größe-数", &PLAIN, b"UTF-8\n")?;
    tar.file(
        OsStr::from_bytes(b"names/latin-\xe9\xff"),
        &PLAIN,
        b"not UTF-8\n",
    )
}

fn links(tar: &mut LayerArchive) -> Result<()> {
    tar.directory("links", &Attributes::mode(0o755))?;
    tar.file("links/target", &PLAIN, &prose(3, 70_000))?;
    tar.hard_link("links/second", "links/target")?;
    tar.hard_link("links/third", "links/second")?;
    tar.symlink(
        "links/relative",
        "../etc/hostname",
        &Attributes::mode(0o777),
    )?;
    tar.symlink("links/absolute", "/etc/hostname", &Attributes::mode(0o755))?;
    tar.symlink("links/dangling", "nowhere", &Attributes::mode(0o777))?;
    tar.symlink("links/long", &"l/".repeat(120), &Attributes::mode(0o777))?;
    // One of the two names gets another file.
    tar.file("links/replaced", &PLAIN, b"the first\n")?;
    tar.hard_link("links/kept", "links/replaced")?;
    tar.file("links/replaced", &PLAIN, b"the second\n")
}

/// A layer on top of [`base`]: replaces, hides and adds.
pub(crate) fn changes(tar: &mut LayerArchive) -> Result<()> {
    tar.directory("etc", &Attributes::mode(0o755))?;
    tar.file("etc/hostname", &PLAIN, b"changed\n")?;
    tar.file("etc/.wh.empty", &PLAIN, b"")?;
    tar.directory("changed", &Attributes::mode(0o700))?;
    tar.directory("changed/opaque", &Attributes::mode(0o755))?;
    tar.file("changed/opaque/.wh..wh..opq", &PLAIN, b"")?;
    tar.file("changed/opaque/only", &PLAIN, b"what is left\n")?;
    // A directory in the place of a file, and the other way round.
    tar.directory("changed/file", &Attributes::mode(0o755))?;
    tar.file("changed/file/file", &PLAIN, b"in a directory now\n")?;
    tar.file("changed/directory", &PLAIN, b"a file now\n")?;
    // A hard link of its own to a name that the layer below has too.
    tar.file("changed/linked", &PLAIN, b"in both layers\n")?;
    tar.hard_link("changed/link", "changed/linked")
}

/// Files of all sizes, those of more than one span among them.
pub(crate) fn large(tar: &mut LayerArchive) -> Result<()> {
    tar.directory("srv", &Attributes::mode(0o755))?;
    tar.file("srv/noise", &PLAIN, &noise(1, 5 << 20))?;
    tar.file("srv/prose", &PLAIN, &prose(2, 9 << 20))?;
    tar.file("srv/zeros", &PLAIN, &vec![0; 3 << 20])?;
    for size in [1, 511, 512, 513, 4095, 4096, 4097, 32_768, 65_537] {
        tar.file(format!("srv/{size}"), &PLAIN, &prose(size as u64, size))?;
    }
    Ok(())
}
