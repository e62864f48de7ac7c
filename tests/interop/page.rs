//! The page that says what was tried against which version: `docs/design/interop.md`.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use tests::workspace;

use crate::image::packing::{COMPRESSORS, Compressor};
use crate::record::{self, Table};

const PAGE: &str = "docs/design/interop.md";
const START: &str = "<!-- interop -->\n";
const END: &str = "<!-- /generated -->";

/// The programs that are linked in, as `tests/interop/go/go.mod` pins them.
const MODULES: [(&str, &str); 7] = [
    ("containerd", "github.com/containerd/containerd/v2"),
    ("SOCI snapshotter", "github.com/awslabs/soci-snapshotter"),
    (
        "CNCF Distribution",
        "github.com/distribution/distribution/v3",
    ),
    (
        "go-containerregistry (crane)",
        "github.com/google/go-containerregistry",
    ),
    ("olareg", "github.com/olareg/olareg"),
    ("oras-go (oras)", "oras.land/oras-go/v2"),
    ("regclient (regctl)", "github.com/regclient/regclient"),
];

/// Writes or compares the page. It needs what the other tests noted.
#[test]
#[ignore = "reads what the other tests noted: `make interop` runs it after them"]
fn the_page_says_what_passed() -> Result<()> {
    let file = workspace::root().join(PAGE);
    let page = fs::read_to_string(&file).with_context(|| PAGE)?;
    let generated = render()?;
    let (before, old, after) = parts(&page)?;
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        return Ok(fs::write(&file, [before, &generated, after].concat())?);
    }
    ensure!(
        lasting(old) == lasting(&generated),
        "{PAGE} is not what this run writes: look at the difference after `UPDATE=1 make interop`\n\
         {generated}"
    );
    Ok(())
}

/// The text before, between and after the markers, which belong to the outer two.
fn parts(page: &str) -> Result<(&str, &str, &str)> {
    let start = page.find(START).context("no start marker")? + START.len();
    let length = page[start..].find(END).context("no end marker")?;
    let (before, rest) = page.split_at(start);
    let (old, after) = rest.split_at(length);
    Ok((before, old, after))
}

/// The lines that every machine writes: not the time of the run, nor the versions of programs
/// that a machine brings.
fn lasting(generated: &str) -> Vec<&str> {
    let lines = generated.lines();
    let lines = lines.filter(|line| !line.starts_with("The run took "));
    lines
        .map(|line| match line.split_once(" | this machine | ") {
            Some((program, _)) => program,
            None => line,
        })
        .collect()
}

fn render() -> Result<String> {
    let mut page = String::from("\n## Versions\n\n");
    programs(&mut page)?;
    page.push_str("## Images\n\n");
    table(
        &mut page,
        Table::Consumer,
        &["Image", "What the consumer made of it"],
    )?;
    page.push_str("## Registries\n\n");
    table(
        &mut page,
        Table::Registries,
        &["Registry", "Connection", "Login", "V1 indexes are found by"],
    )?;
    let started = fs::metadata(record::directory().join("started"))
        .and_then(|metadata| metadata.modified())
        .context("no time of the start: this is for `make interop` to run")?;
    let seconds = SystemTime::now().duration_since(started)?.as_secs();
    let cores = std::thread::available_parallelism()?;
    writeln!(
        page,
        "The run took {} min {} s on {cores} cores.\n",
        seconds / 60,
        seconds % 60
    )?;
    Ok(page)
}

fn programs(page: &mut String) -> Result<()> {
    page.push_str("| Program | From | Version |\n| --- | --- | --- |\n");
    let pinned = fs::read_to_string(workspace::root().join("tests/interop/go/go.mod"))?;
    for (name, module) in MODULES {
        let version = pinned.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some(module)).then(|| words.next())?
        });
        let version = version.with_context(|| format!("go.mod: no {module}"))?;
        writeln!(page, "| {name} | Go module | {version} |")?;
    }
    let packages = ["docker-registry", "skopeo"];
    let compressors = COMPRESSORS.iter().filter_map(Compressor::package);
    for package in packages.into_iter().chain(compressors) {
        writeln!(page, "| {package} | this machine | {} |", debian(package))?;
    }
    let terraform = first_line("terraform", &["version"]);
    writeln!(page, "| terraform | this machine | {terraform} |\n")?;
    Ok(())
}

fn table(page: &mut String, table: Table, head: &[&str]) -> Result<()> {
    writeln!(
        page,
        "| {} |\n|{}",
        head.join(" | "),
        " --- |".repeat(head.len())
    )?;
    for row in record::rows(table)? {
        ensure!(row.len() == head.len(), "want {head:?}, got {row:?}");
        writeln!(page, "| {} |", row.join(" | "))?;
    }
    page.push('\n');
    Ok(())
}

/// The version of a Debian package; other systems do not tell.
fn debian(package: &str) -> String {
    first_line(
        "dpkg-query",
        &["--show", "--showformat=${Version}", package],
    )
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let line = text.unwrap_or_default().lines().next().map(str::to_owned);
    line.filter(|line| !line.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

#[test]
fn only_times_and_the_machines_versions_may_differ() {
    let page = |version: &str, machine: &str, time: &str, row: &str| {
        format!(
            "| a | Go module | {version} |\n| b | this machine | {machine} |\n| {row} |\n\
             The run took {time}.\n"
        )
    };
    let old = page("v1", "1", "1 min", "passed");
    assert_eq!(lasting(&old), lasting(&page("v1", "2", "2 min", "passed")));
    assert_ne!(lasting(&old), lasting(&page("v2", "1", "1 min", "passed")));
    assert_ne!(lasting(&old), lasting(&page("v1", "1", "1 min", "other")));
}

#[test]
fn the_generated_part_is_between_the_markers() {
    let page = format!("head\n{START}old\n{END}\nfoot\n");
    let (before, old, after) = parts(&page).unwrap();
    assert_eq!((old, after), ("old\n", &*format!("{END}\nfoot\n")));
    assert!(before.ends_with(START));
    assert!(parts("no markers").is_err());
}
