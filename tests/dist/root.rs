//! A root directory with nothing in it but a certificate authority, and what a test puts there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

/// Mounts the only device that Go's programs need, and goes in.
const ENTER: &str = r#"mount --bind /dev/null "$0/dev/null" && exec chroot "$0" "$@""#;

/// A root directory; dropping it removes it.
pub(crate) struct Root {
    directory: TempDir,
}

impl Root {
    pub(crate) fn new() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("soci-root-").tempdir()?;
        for name in ["dev", "tmp", "here"] {
            fs::create_dir(directory.path().join(name))?;
        }
        fs::write(directory.path().join("dev/null"), "")?;
        let root = Self { directory };
        // Without any, no client is made that could speak TLS, whatever it then speaks.
        let authority = rcgen::generate_simple_self_signed(["authority.test".to_owned()])?;
        root.write("etc/ssl/certs/ca-certificates.crt", authority.cert.pem())?;
        Ok(root)
    }

    /// Returns the path of something in it, seen from outside.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.directory.path().join(inside)
    }

    /// Writes a file.
    pub(crate) fn write(&self, inside: &str, content: impl AsRef<[u8]>) -> Result<()> {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().context("a path without a directory")?)?;
        fs::write(&path, content).with_context(|| path.display().to_string())
    }

    /// Writes a program.
    pub(crate) fn program(&self, inside: &str, content: impl AsRef<[u8]>) -> Result<()> {
        self.write(inside, content)?;
        let mode = fs::Permissions::from_mode(0o755);
        Ok(fs::set_permissions(self.path(inside), mode)?)
    }

    /// Copies a program of this machine, which has to be static.
    pub(crate) fn copy(&self, inside: &str, program: &Path) -> Result<()> {
        let content = fs::read(program).with_context(|| program.display().to_string())?;
        self.program(inside, content)
    }

    /// Returns a command that runs `program` in the root, with no environment but where programs of this
    /// machine look for what enters it.
    pub(crate) fn command(&self, program: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command.env_clear();
        command.env("PATH", "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("HOME", "/here").env("TMPDIR", "/tmp");
        if !rustix::process::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        command.args(["--mount", "sh", "-c", ENTER]);
        command.arg(self.directory.path()).args(program);
        command
    }
}
