//! The packages that cargo compiles into a program.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The targets that the functions are built for, whichever platform has them embedded.
const LAMBDA: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

/// A program of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// The provider, with the functions in it.
    Provider,
    /// The command `soci`.
    Command,
}

impl Program {
    pub(crate) fn package(self) -> &'static str {
        match self {
            Self::Provider => "terraform-provider-soci",
            Self::Command => "soci-cli",
        }
    }
}

/// Name and version of a package.
pub(crate) type Id = (String, String);

/// A package, as cargo describes it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    #[serde(default)]
    pub(crate) authors: Vec<String>,
    manifest_path: PathBuf,
    /// None for packages of this workspace.
    pub(crate) source: Option<String>,
    /// SHA-256 of its archive in the registry, in hex.
    #[serde(skip)]
    pub(crate) checksum: Option<String>,
}

impl Package {
    pub(crate) fn id(&self) -> Id {
        (self.name.clone(), self.version.clone())
    }

    /// Returns the directory of its sources.
    pub(crate) fn directory(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new("."))
    }
}

/// The packages of a program, and which needs which.
#[derive(Debug)]
pub(crate) struct Dependencies {
    pub(crate) root: Id,
    pub(crate) packages: BTreeMap<Id, Package>,
    pub(crate) edges: BTreeMap<Id, BTreeSet<Id>>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

impl Dependencies {
    /// Asks cargo for the dependencies of a program that is built for `triple`. What only runs while
    /// it is built, as macros do, is not among them.
    pub(crate) fn of(program: Program, triple: &str) -> Result<Self> {
        let mut edges = BTreeMap::new();
        let root = read_tree(
            &tree(&["--package", program.package()], triple)?,
            &mut edges,
        )?;
        if program == Program::Provider {
            let functions = [
                "--package=lambda",
                "--no-default-features",
                "--features=functions",
            ];
            for triple in LAMBDA {
                read_tree(&tree(&functions, triple)?, &mut edges)?;
            }
        }
        let metadata = cargo(&["metadata", "--format-version=1", "--locked"])?;
        let metadata: Metadata = serde_json::from_str(&metadata)?;
        let lock = std::fs::read_to_string(workspace().join("Cargo.lock"))?;
        let checksums = checksums(&lock);
        let mut packages = BTreeMap::new();
        for mut package in metadata.packages {
            let id = package.id();
            if edges.contains_key(&id) {
                package.checksum = checksums.get(&id).cloned();
                packages.insert(id, package);
            }
        }
        ensure!(
            packages.len() == edges.len(),
            "cargo tree and cargo metadata disagree about {}",
            program.package()
        );
        Ok(Self {
            root,
            packages,
            edges,
        })
    }

    /// Returns the packages that others have written.
    pub(crate) fn foreign(&self) -> impl Iterator<Item = &Package> {
        let packages = self.packages.values();
        packages.filter(|package| package.source.is_some())
    }
}

/// Returns the root of this workspace.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap_or(Path::new("."))
}

fn tree(package: &[&str], triple: &str) -> Result<String> {
    let mut arguments = vec!["tree", "--locked", "--edges=normal,no-proc-macro"];
    arguments.extend(["--prefix=depth", "--format={p}", "--target", triple]);
    arguments.extend(package);
    cargo(&arguments)
}

fn cargo(arguments: &[&str]) -> Result<String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(arguments)
        .current_dir(workspace())
        .output()
        .context("cargo: cannot run")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "cargo {}: {errors}",
        arguments.join(" ")
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// Reads lines such as `2bytes v1.12.2`, each with its depth in the tree. Returns the root.
fn read_tree(tree: &str, edges: &mut BTreeMap<Id, BTreeSet<Id>>) -> Result<Id> {
    let mut path: Vec<Id> = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (depth, package) = line.split_at(digits);
        let mut words = package.split(' ');
        let version = |text: &str| text.strip_prefix('v').map(str::to_owned);
        let id = words.next().zip(words.next().and_then(version));
        let (name, version) = id.with_context(|| format!("cargo tree: {line:?}"))?;
        let id = (name.to_owned(), version);
        path.truncate(
            depth
                .parse()
                .with_context(|| format!("cargo tree: {line:?}"))?,
        );
        if let Some(parent) = path.last() {
            edges.entry(parent.clone()).or_default().insert(id.clone());
        }
        edges.entry(id.clone()).or_default();
        path.push(id);
    }
    path.into_iter().next().context("cargo tree: nothing")
}

/// Reads the checksums of a `Cargo.lock`.
fn checksums(lock: &str) -> BTreeMap<Id, String> {
    let mut checksums = BTreeMap::new();
    for package in lock.split("[[package]]") {
        let value = |name: &str| {
            let mut lines = package.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
            value.map(|value| value.trim_matches('"').to_owned())
        };
        if let (Some(name), Some(version), Some(checksum)) =
            (value("name"), value("version"), value("checksum"))
        {
            checksums.insert((name, version), checksum);
        }
    }
    checksums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str, version: &str) -> Id {
        (name.to_owned(), version.to_owned())
    }

    #[test]
    fn a_tree_gives_every_edge() {
        let tree = "0a v1.0.0 (/src/a)\n1b v2.0.0\n2c v3.0.0\n1c v3.0.0 (*)\n";
        let mut edges = BTreeMap::new();
        assert_eq!(read_tree(tree, &mut edges).unwrap(), id("a", "1.0.0"));
        let (b, c) = (id("b", "2.0.0"), id("c", "3.0.0"));
        let want = [
            (id("a", "1.0.0"), BTreeSet::from([b.clone(), c.clone()])),
            (b, BTreeSet::from([c.clone()])),
            (c, BTreeSet::new()),
        ];
        assert_eq!(edges, BTreeMap::from(want));
        assert!(read_tree("", &mut edges).is_err());
        assert!(read_tree("warning: so\n", &mut edges).is_err());
    }

    #[test]
    fn a_lock_file_gives_the_checksums() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n[[package]]\n\
            name = \"b\"\nversion = \"2.0.0\"\nsource = \"x\"\nchecksum = \"abc\"\n";
        let want = BTreeMap::from([(id("b", "2.0.0"), "abc".to_owned())]);
        assert_eq!(checksums(lock), want);
    }

    #[test]
    fn the_provider_is_made_of_the_functions_too_but_of_no_macros_and_tests() {
        let of = |program| Dependencies::of(program, "aarch64-unknown-linux-musl").unwrap();
        let provider = of(Program::Provider);
        let has = |name: &str| provider.packages.keys().any(|id| id.0 == name);
        assert_eq!(provider.root.0, "terraform-provider-soci");
        for inside in ["lambda", "lambda_runtime", "aws-lc-sys"] {
            assert!(has(inside), "no {inside}");
        }
        for outside in ["serde_derive", "proptest", "tests", "clap"] {
            assert!(!has(outside), "{outside}");
        }
        for package in provider.foreign() {
            assert!(package.checksum.is_some(), "{}: no checksum", package.name);
        }
        let command = of(Program::Command);
        assert!(command.packages.keys().any(|id| id.0 == "clap"));
    }
}
