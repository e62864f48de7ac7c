//! The archives of one platform, and those of the functions.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::archive::{self, File};
use crate::dependencies::{Dependencies, Program, workspace};
use crate::epoch::Epoch;
use crate::platform::Platform;
use crate::{licences, sbom};

/// Version of the release: that of the workspace.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// File name of the provider.
pub(crate) const PROVIDER: &str = "terraform-provider-soci";
/// File name of the command.
pub(crate) const COMMAND: &str = "soci";

/// Where to find what is packed.
#[derive(Debug)]
pub(crate) struct Inputs<'a> {
    /// The target that the programs were built for.
    triple: &'a str,
    /// Directory of the programs.
    programs: &'a Path,
    /// Directory with completion scripts and manual pages.
    pages: &'a Path,
    /// Directory with the licences of what no package of cargo is, such as the C library.
    notices: &'a Path,
}

impl<'a> Inputs<'a> {
    pub(crate) fn new(
        triple: &'a str,
        programs: &'a str,
        pages: &'a str,
        notices: &'a str,
    ) -> Self {
        Self {
            triple,
            programs: Path::new(programs),
            pages: Path::new(pages),
            notices: Path::new(notices),
        }
    }

    fn program(&self, platform: &Platform, name: &str) -> Result<Vec<u8>> {
        let path = self.programs.join(platform.program(name));
        fs::read(&path).with_context(|| path.display().to_string())
    }

    /// Returns the licences and the list of contents of a program.
    fn papers(&self, program: Program, epoch: Epoch) -> Result<Vec<File>> {
        let dependencies = Dependencies::of(program, self.triple)?;
        let mut files = archive::read(self.notices, "licenses/")?;
        files.push(File::plain(
            "LICENSE",
            fs::read(workspace().join("LICENSE"))?,
        ));
        let texts = licences::texts(&dependencies)?;
        files.push(File::plain("licenses/THIRD-PARTY.txt", texts));
        let document = sbom::document(&dependencies, epoch)?;
        files.push(File::plain("sbom.cdx.json", document));
        Ok(files)
    }
}

/// Packs the provider as Terraform installs it, and the command with its papers.
pub(crate) fn write(
    output: &Path,
    platform: &Platform,
    inputs: &Inputs<'_>,
    epoch: Epoch,
) -> Result<()> {
    let notices = fs::read_dir(inputs.notices).map_or(0, Iterator::count);
    ensure!(
        notices > 0 || !platform.is_static(),
        "{}: no licence of the C library",
        inputs.notices.display()
    );
    let mut files = inputs.papers(Program::Provider, epoch)?;
    let name = platform.program(&format!("{PROVIDER}_v{VERSION}"));
    files.push(File::program(name, inputs.program(platform, PROVIDER)?));
    let name = format!("{PROVIDER}_{VERSION}_{platform}.zip");
    save(output, &name, &archive::zip(&files, epoch)?)?;

    let mut files = inputs.papers(Program::Command, epoch)?;
    let pages = archive::read(inputs.pages, "")?;
    ensure!(!pages.is_empty(), "{}: no pages", inputs.pages.display());
    files.extend(pages);
    let program = inputs.program(platform, COMMAND)?;
    files.push(File::program(platform.program(COMMAND), program));
    let name = format!("{COMMAND}_{VERSION}_{platform}.tar.gz");
    save(output, &name, &archive::tar_gz(&files, epoch)?)
}

/// The part of a bundle's list that is needed here.
#[derive(Deserialize)]
struct Bundle {
    version: String,
    functions: Vec<Function>,
}

#[derive(Deserialize)]
struct Function {
    function: String,
    architecture: String,
    file: String,
}

/// Copies the zips of the functions, which the provider has in it, too. They have to be there for both
/// architectures.
pub(crate) fn functions(output: &Path, bundle: &Path) -> Result<()> {
    let list = bundle.join("bundle.json");
    let text = fs::read(&list).with_context(|| list.display().to_string())?;
    let list: Bundle = serde_json::from_slice(&text)?;
    let of_release = list.version.split('+').next() == Some(VERSION);
    ensure!(of_release, "{}: not of {VERSION}", list.version);
    for architecture in ["x86_64", "arm64"] {
        let of = |function: &&Function| function.architecture == architecture;
        let count = list.functions.iter().filter(of).count();
        ensure!(count == 2, "{architecture}: {count} functions, want 2");
    }
    for function in &list.functions {
        let path: PathBuf = bundle.join(&function.file);
        let zip = fs::read(&path).with_context(|| path.display().to_string())?;
        let name = format!(
            "{COMMAND}-{}_{VERSION}_{}.zip",
            function.function, function.architecture
        );
        save(output, &name, &zip)?;
    }
    Ok(())
}

fn save(output: &Path, name: &str, content: &[u8]) -> Result<()> {
    fs::create_dir_all(output)?;
    fs::write(output.join(name), content).with_context(|| name.to_owned())?;
    println!("dist: {name} {} bytes", content.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use flate2::read::GzDecoder;

    use super::*;

    const TRIPLE: &str = "x86_64-unknown-linux-musl";

    /// Programs and pages, as a build leaves them.
    fn built() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (path, content) in [
            ("programs/terraform-provider-soci", "provider"),
            ("programs/soci", "command"),
            ("pages/man/man1/soci.1", "page"),
            ("notices/musl.txt", "licence"),
        ] {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        directory
    }

    #[test]
    fn archives_have_the_names_and_the_content_that_are_expected() {
        let built = built();
        let part = |name: &str| built.path().join(name).display().to_string();
        let (programs, pages, notices) = (part("programs"), part("pages"), part("notices"));
        let inputs = Inputs::new(TRIPLE, &programs, &pages, &notices);
        let platform = "linux_amd64".parse().unwrap();
        let epoch = Epoch::parse("1767323045").unwrap();
        write(built.path(), &platform, &inputs, epoch).unwrap();

        let papers = [
            "LICENSE",
            "licenses/THIRD-PARTY.txt",
            "licenses/musl.txt",
            "sbom.cdx.json",
        ];
        let zip = format!("terraform-provider-soci_{VERSION}_linux_amd64.zip");
        let zip = Cursor::new(fs::read(built.path().join(zip)).unwrap());
        let zip = zip::ZipArchive::new(zip).unwrap();
        let mut names: Vec<_> = zip
            .file_names()
            .map(|name| name.unwrap().to_string())
            .collect();
        names.sort();
        let provider = format!("terraform-provider-soci_v{VERSION}");
        let want: Vec<_> = papers.into_iter().chain([provider.as_str()]).collect();
        assert_eq!(names, want);

        let tar = built
            .path()
            .join(format!("soci_{VERSION}_linux_amd64.tar.gz"));
        let mut tar = tar::Archive::new(GzDecoder::new(fs::File::open(tar).unwrap()));
        let paths = tar.entries().unwrap();
        let paths = paths.map(|entry| entry.unwrap().path().unwrap().display().to_string());
        let mut want = papers.to_vec();
        want.extend(["man/man1/soci.1", "soci"]);
        want.sort_unstable();
        assert_eq!(paths.collect::<Vec<_>>(), want);

        fs::remove_file(built.path().join("notices/musl.txt")).unwrap();
        let error = write(built.path(), &platform, &inputs, epoch).unwrap_err();
        assert!(
            error.to_string().contains("no licence of the C library"),
            "{error}"
        );
    }

    #[test]
    fn a_bundle_has_to_have_both_architectures() {
        let directory = tempfile::tempdir().unwrap();
        let pack = |version: &str, architectures: &[&str]| {
            let mut functions = Vec::new();
            for architecture in architectures {
                for function in ["event-filter", "index-generator"] {
                    let file = format!("{function}-{architecture}.zip");
                    fs::write(directory.path().join(&file), "zip").unwrap();
                    functions.push(serde_json::json!({
                        "function": function, "architecture": architecture, "file": file,
                    }));
                }
            }
            let list = serde_json::json!({"version": version, "functions": functions});
            fs::write(directory.path().join("bundle.json"), list.to_string()).unwrap();
            super::functions(&directory.path().join("dist"), directory.path())
        };
        let version = format!("{VERSION}+0123456789ab");
        let error = pack(&version, &["x86_64"]).unwrap_err().to_string();
        assert_eq!(error, "arm64: 0 functions, want 2");
        let debug = format!("{VERSION}-debug+0123456789ab");
        let error = pack(&debug, &["x86_64", "arm64"]).unwrap_err().to_string();
        assert!(error.contains("not of"), "{error}");
        pack(&version, &["x86_64", "arm64"]).unwrap();
        let zip = format!("dist/soci-index-generator_{VERSION}_arm64.zip");
        assert!(directory.path().join(zip).is_file());
    }
}
