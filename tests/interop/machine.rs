//! Requirements of these tests on a machine. Whatever is missing is an error that says how to get it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rustix::process::geteuid;
use tests::{binaries, workspace};

/// Names the directory of the programs of `tests/interop/go`, if it is not `target/interop`.
const DIRECTORY_VARIABLE: &str = "SOCI_INTEROP_BIN_DIR";

/// The directory of the programs of `tests/interop/go`.
pub(crate) fn directory() -> PathBuf {
    std::env::var_os(DIRECTORY_VARIABLE)
        .map_or_else(|| workspace::root().join("target/interop"), PathBuf::from)
}

/// A program of `tests/interop/go`.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let path = directory().join(name);
    ensure!(
        path.is_file(),
        "{} is missing: run `make interop`, which builds it, or set {DIRECTORY_VARIABLE}",
        path.display()
    );
    Ok(path)
}

/// A program of the machine, from this Debian package.
pub(crate) fn tool(name: &str, package: &str) -> Result<PathBuf> {
    binaries::on_path(name).with_context(|| {
        format!("{name} is not on PATH: on Debian or Ubuntu `apt-get install {package}`")
    })
}

/// Fails unless this machine lets this user mount images.
pub(crate) fn expect_mounts() -> Result<()> {
    ensure!(
        geteuid().is_root(),
        "mounting images needs root: run `sudo make interop`"
    );
    ensure!(
        Path::new("/dev/fuse").exists(),
        "/dev/fuse is missing: load the kernel module with `modprobe fuse`, or start the container \
         with `--device /dev/fuse --cap-add SYS_ADMIN`"
    );
    Ok(())
}
