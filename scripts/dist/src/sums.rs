//! The lists of a release: the registry's manifest, and the checksums.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::package::{COMMAND, PROVIDER, VERSION};

/// Writes the manifest and two lists of checksums: the provider's, in which the registry wants nothing
/// but what is its, and that of everything else.
pub(crate) fn write(output: &Path) -> Result<()> {
    let manifest = json!({"version": 1, "metadata": {"protocol_versions": ["6.0"]}});
    let name = format!("{PROVIDER}_{VERSION}_manifest.json");
    fs::write(output.join(name), format!("{manifest}\n"))?;

    let mut names = Vec::new();
    for entry in fs::read_dir(output).with_context(|| output.display().to_string())? {
        let name = entry?.file_name().into_string();
        names.push(name.ok().context("a name that is not UTF-8")?);
    }
    names.retain(|name| !name.contains("SHA256SUMS"));
    names.sort();
    // Of an earlier version, whose sums would mix with these.
    let version = format!("_{VERSION}_");
    let other = names.iter().find(|name| !name.contains(&version));
    ensure!(other.is_none(), "{other:?}: not of {VERSION}");

    for list in [PROVIDER, COMMAND] {
        let mut sums = String::new();
        for name in &names {
            if name.starts_with(PROVIDER) == (list == PROVIDER) {
                let digest = Sha256::digest(fs::read(output.join(name))?);
                sums.push_str(&format!("{}  {name}\n", hex::encode(digest)));
            }
        }
        let name = format!("{list}_{VERSION}_SHA256SUMS");
        fs::write(output.join(&name), &sums)?;
        print!("dist: {name}\n{sums}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_in_one_list() {
        let directory = tempfile::tempdir().unwrap();
        let zip = format!("terraform-provider-soci_{VERSION}_linux_amd64.zip");
        let tar = format!("soci_{VERSION}_linux_amd64.tar.gz");
        for name in [&zip, &tar] {
            fs::write(directory.path().join(name), name).unwrap();
        }
        let read = |list: &str| {
            let name = format!("{list}_{VERSION}_SHA256SUMS");
            fs::read_to_string(directory.path().join(name)).unwrap()
        };
        write(directory.path()).unwrap();
        let first = (read(PROVIDER), read(COMMAND));
        // Its own lists are in none.
        write(directory.path()).unwrap();
        assert_eq!(first, (read(PROVIDER), read(COMMAND)));

        let names = |sums: &str| -> Vec<String> {
            let lines = sums.lines().map(|line| line.split_at(66));
            lines.map(|(_, name)| name.to_owned()).collect()
        };
        let manifest = format!("terraform-provider-soci_{VERSION}_manifest.json");
        assert_eq!(names(&first.0), [zip.as_str(), manifest.as_str()]);
        assert_eq!(names(&first.1), [tar.as_str()]);
        let digest = hex::encode(Sha256::digest(&zip));
        assert!(first.0.starts_with(&format!("{digest}  ")), "{}", first.0);
        let text = fs::read_to_string(directory.path().join(manifest)).unwrap();
        assert_eq!(
            text,
            "{\"metadata\":{\"protocol_versions\":[\"6.0\"]},\"version\":1}\n"
        );

        fs::write(
            directory.path().join("soci_0.0.0_linux_amd64.tar.gz"),
            "old",
        )
        .unwrap();
        let error = write(directory.path()).unwrap_err().to_string();
        assert!(error.contains("soci_0.0.0_linux_amd64.tar.gz"), "{error}");
    }
}
