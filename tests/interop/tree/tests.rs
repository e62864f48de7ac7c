//! The comparer notices every change of a file, and excuses only what is named.

use std::ffi::CString;
use std::os::unix::fs::{PermissionsExt, symlink};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, chownat, lsetxattr, makedev,
    mknodat, utimensat,
};
use rustix::process::{Gid, Uid};
use tempfile::TempDir;

use super::deviations::{Deviation, Image, compare};
use super::*;

/// A tree with a file of every kind that an unprivileged test can make.
fn sample() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    fs::write(at("folder/file"), "content").unwrap();
    fs::write(at("other"), "content").unwrap();
    fs::hard_link(at("other"), at("folder/link")).unwrap();
    symlink("folder/file", at("symlink")).unwrap();
    mknodat(CWD, at("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    lsetxattr(at("other"), "user.empty", b"", XattrFlags::empty()).unwrap();
    for name in [
        "folder/file",
        "folder/link",
        "folder",
        "symlink",
        "fifo",
        "",
    ] {
        set_time(&at(name), 1_000_000_000, 5);
    }
    directory
}

fn set_time(path: &Path, seconds: i64, nanoseconds: i64) {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// The properties that differ after `change`, by path.
fn after(change: impl FnOnce(&Path)) -> Vec<(String, Option<Property>)> {
    let (got, want) = (sample(), sample());
    change(got.path());
    let got = Tree::read(got.path()).unwrap();
    let differences = got.differences(&Tree::read(want.path()).unwrap());
    let differences = differences.into_iter();
    differences
        .map(|difference| {
            let path = difference.path.display().to_string();
            (path, difference.property)
        })
        .collect()
}

fn one(path: &str, property: Property) -> Vec<(String, Option<Property>)> {
    vec![(path.to_owned(), Some(property))]
}

#[test]
fn equal_trees_have_no_differences() {
    assert_eq!(after(|_| ()), []);
}

#[test]
fn a_byte_a_nanosecond_a_mode_and_a_target_are_noticed() {
    let content = after(|root| {
        fs::write(root.join("folder/file"), "contenT").unwrap();
        set_time(&root.join("folder/file"), 1_000_000_000, 5);
    });
    assert_eq!(content, one("folder/file", Property::Content));
    let time = after(|root| set_time(&root.join("fifo"), 1_000_000_000, 6));
    assert_eq!(time, one("fifo", Property::Mtime));
    let mode = after(|root| {
        let mode = fs::Permissions::from_mode(0o4755);
        fs::set_permissions(root.join("folder/file"), mode).unwrap();
    });
    assert_eq!(mode, one("folder/file", Property::Mode));
    let target = after(|root| {
        fs::remove_file(root.join("symlink")).unwrap();
        symlink("folder/link", root.join("symlink")).unwrap();
        set_time(&root.join("symlink"), 1_000_000_000, 5);
        set_time(root, 1_000_000_000, 5);
    });
    assert_eq!(target, one("symlink", Property::Target));
}

#[test]
fn links_that_became_copies_are_noticed() {
    let differences = after(|root| {
        fs::remove_file(root.join("folder/link")).unwrap();
        fs::copy(root.join("other"), root.join("folder/link")).unwrap();
        let name = CString::new("user.empty").unwrap();
        lsetxattr(root.join("folder/link"), &*name, b"", XattrFlags::empty()).unwrap();
        set_time(&root.join("folder/link"), 1_000_000_000, 5);
        set_time(&root.join("folder"), 1_000_000_000, 5);
    });
    let want: Vec<_> = ["folder/link", "other"]
        .into_iter()
        .flat_map(|path| [one(path, Property::Links), one(path, Property::HardLinks)].concat())
        .collect();
    assert_eq!(differences, want);
}

#[test]
fn files_attributes_and_kinds_that_come_and_go_are_noticed() {
    let differences = after(|root| {
        fs::remove_file(root.join("fifo")).unwrap();
        fs::write(root.join("more"), "").unwrap();
        set_time(root, 1_000_000_000, 5);
    });
    assert_eq!(
        differences,
        [("fifo".to_owned(), None), ("more".to_owned(), None)]
    );
    let name = "user.more";
    let differences = after(|root| {
        lsetxattr(root.join("folder"), name, b"1", XattrFlags::empty()).unwrap();
    });
    assert_eq!(differences, one("folder", Property::Xattr(name.into())));
}

#[test]
fn owners_and_devices_are_noticed() {
    crate::machine::expect_mounts().unwrap();
    let owner = after(|root| {
        let (user, group) = (Uid::from_raw(7), Gid::from_raw(0));
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        chownat(CWD, root.join("symlink"), Some(user), Some(group), flags).unwrap();
    });
    assert_eq!(owner, one("symlink", Property::Owner));
    let device = |minor| {
        let directory = sample();
        let path = directory.path().join("device");
        let device = makedev(5, minor);
        mknodat(CWD, &path, FileType::CharacterDevice, Mode::RUSR, device).unwrap();
        set_time(&path, 1, 0);
        set_time(directory.path(), 1, 0);
        Tree::read(directory.path()).unwrap()
    };
    let differences = device(1).differences(&device(2));
    assert_eq!(differences.len(), 1, "{differences:?}");
    assert_eq!(differences[0].property, Some(Property::Device));
}

#[test]
fn only_named_deviations_are_excused() {
    let (lazy, eager) = (sample(), sample());
    for root in [lazy.path(), eager.path()] {
        set_time(&root.join("fifo"), 0, 0);
        set_time(&root.join("symlink"), 0, 0);
    }
    set_time(&lazy.path().join("folder"), 3, 0);
    set_time(&lazy.path().join("fifo"), -7, 0);
    let read = || {
        (
            Tree::read(lazy.path()).unwrap(),
            Tree::read(eager.path()).unwrap(),
        )
    };
    let implied = Image {
        implied: [PathBuf::from("folder")].into(),
        ..Image::default()
    };
    let (got, want) = read();
    let (defects, seen) = compare(&got, &want, &implied);
    assert_eq!(defects, []);
    let expected = [Deviation::ImpliedDirectoryTime, Deviation::NegativeTime];
    assert_eq!(seen, BTreeSet::from(expected));
    // The directory has an entry: then its time counts.
    let (defects, _) = compare(&got, &want, &Image::default());
    assert_eq!(defects.len(), 1, "{defects:?}");
    assert_eq!(defects[0].path, Path::new("folder"));

    // A time that is wrong in another way, an attribute that is not empty.
    set_time(&lazy.path().join("symlink"), 7, 0);
    lsetxattr(
        lazy.path().join("other"),
        "user.empty",
        b"1",
        XattrFlags::empty(),
    )
    .unwrap();
    let (got, want) = read();
    let (defects, _) = compare(&got, &want, &implied);
    let paths: Vec<_> = defects.iter().map(|defect| defect.path.as_path()).collect();
    let (link, other) = (Path::new("folder/link"), Path::new("other"));
    assert_eq!(paths, [link, other, Path::new("symlink")]);
}
