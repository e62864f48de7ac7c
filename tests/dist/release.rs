//! The archives in `target/dist`.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha256};
use tests::{binaries, workspace};
use zip::ZipArchive;

/// Version of the release.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The platforms that a Linux machine builds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    Amd64,
    Arm64,
}

impl Platform {
    pub(crate) const ALL: [Self; 2] = [Self::Amd64, Self::Arm64];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "linux_amd64",
            Self::Arm64 => "linux_arm64",
        }
    }

    /// Returns QEMU, if programs for the platform need it here.
    pub(crate) fn emulator(self) -> Result<Option<PathBuf>> {
        let (native, program) = match self {
            Self::Amd64 => ("x86_64", "qemu-x86_64-static"),
            Self::Arm64 => ("aarch64", "qemu-aarch64-static"),
        };
        if std::env::consts::ARCH == native {
            return Ok(None);
        }
        let found = binaries::on_path(program);
        let missing = || format!("{program}: run `scripts/setup.sh dist-test`");
        found.map(Some).with_context(missing)
    }
}

/// Returns the path of a file of the release.
pub(crate) fn file(name: &str) -> Result<PathBuf> {
    let path = workspace::root().join("target/dist").join(name);
    ensure!(path.is_file(), "{}: run `make dist`", path.display());
    Ok(path)
}

/// Returns the path of the provider's archive.
pub(crate) fn provider(platform: Platform) -> Result<PathBuf> {
    let name = platform.name();
    file(&format!("terraform-provider-soci_{VERSION}_{name}.zip"))
}

/// Reads a file of a zip.
pub(crate) fn unzip(archive: &Path, name: &str) -> Result<Vec<u8>> {
    let mut zip = ZipArchive::new(File::open(archive)?)?;
    let mut content = Vec::new();
    let mut entry = zip.by_name(name).with_context(|| name.to_owned())?;
    entry.read_to_end(&mut content)?;
    Ok(content)
}

/// Reads every file of the command's archive, by path.
pub(crate) fn command(platform: Platform) -> Result<Vec<(String, Vec<u8>)>> {
    let path = file(&format!("soci_{VERSION}_{}.tar.gz", platform.name()))?;
    let mut tar = tar::Archive::new(GzDecoder::new(File::open(path)?));
    let mut files = Vec::new();
    for entry in tar.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.push((path, content));
    }
    Ok(files)
}

#[test]
fn every_file_has_its_checksum() -> Result<()> {
    let mut sums = String::new();
    for list in ["terraform-provider-soci", "soci"] {
        sums += &fs::read_to_string(file(&format!("{list}_{VERSION}_SHA256SUMS"))?)?;
    }
    let mut names = Vec::new();
    for line in sums.lines() {
        let (digest, name) = line.split_once("  ").context("no name")?;
        let got = hex::encode(Sha256::digest(fs::read(file(name)?)?));
        assert_eq!(got, digest, "{name}");
        names.push(name);
    }
    // Provider and command for two platforms, the registry's manifest, the functions.
    assert_eq!(names.len(), 2 * 2 + 1 + 4, "{names:?}");
    Ok(())
}

#[test]
fn archives_carry_licences_completions_and_manual_pages() -> Result<()> {
    for platform in Platform::ALL {
        let files = command(platform)?;
        for wanted in [
            "LICENSE",
            "completions/_soci",
            "completions/soci.bash",
            "completions/soci.fish",
            "licenses/THIRD-PARTY.txt",
            "licenses/musl.txt",
            "licenses/rust-standard-library.html",
            "man/man1/soci-convert.1",
            "sbom.cdx.json",
            "soci",
        ] {
            let found = files.iter().find(|(path, _)| path == wanted);
            let (_, content) = found.with_context(|| format!("no {wanted}"))?;
            assert!(content.len() > 100, "{wanted}: {} bytes", content.len());
        }
        for wanted in ["LICENSE", "licenses/THIRD-PARTY.txt", "sbom.cdx.json"] {
            assert!(unzip(&provider(platform)?, wanted)?.len() > 100, "{wanted}");
        }
    }
    Ok(())
}

#[test]
fn programs_name_no_directory_of_the_machine_that_built_them() -> Result<()> {
    let home = std::env::var("HOME")?;
    let root = workspace::root().display().to_string();
    for platform in Platform::ALL {
        let name = format!("terraform-provider-soci_v{VERSION}");
        let provider = unzip(&provider(platform)?, &name)?;
        let files = command(platform)?;
        let soci = files.iter().find(|(path, _)| path == "soci");
        for program in [&provider, &soci.context("no soci")?.1] {
            let text = String::from_utf8_lossy(program);
            for directory in [&root, &format!("{home}/.cargo"), &format!("{home}/.rustup")] {
                assert!(
                    !text.contains(directory),
                    "{}: {directory}",
                    platform.name()
                );
            }
        }
    }
    Ok(())
}

/// Returns a command that runs a program of this platform on this machine, with the libraries of its
/// architecture.
pub(crate) fn runner(platform: Platform) -> Result<Vec<PathBuf>> {
    let Some(emulator) = platform.emulator()? else {
        return Ok(Vec::new());
    };
    let libraries = match platform {
        Platform::Amd64 => "/usr/x86_64-linux-gnu",
        Platform::Arm64 => "/usr/aarch64-linux-gnu",
    };
    ensure!(
        PathBuf::from(libraries).is_dir(),
        "{libraries}: run `scripts/setup.sh dist-test`"
    );
    Ok(vec![emulator, "-L".into(), libraries.into()])
}
