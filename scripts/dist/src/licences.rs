//! The texts of the licences that a program is under, which have to come with it.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::dependencies::{Dependencies, Package, workspace};

/// How names of files with licences and notices begin.
const NAMES: [&str; 6] = [
    "licence",
    "license",
    "copying",
    "copyright",
    "notice",
    "unlicense",
];

const LINE: &str =
    "================================================================================";

/// Returns the licence texts of every package that others have written, one after the other.
pub(crate) fn texts(dependencies: &Dependencies) -> Result<String> {
    let mut text =
        "What others have written and this program contains, with the licences of each.\n"
            .to_owned();
    for package in dependencies.foreign() {
        let licence = package.license.as_deref().unwrap_or("see below");
        write!(
            text,
            "\n{LINE}\n{} {}: {licence}\nhttps://crates.io/crates/{}/{}\n{LINE}\n",
            package.name, package.version, package.name, package.version
        )?;
        for file in of(package)? {
            write!(text, "\n{}\n", file.trim_end())?;
        }
    }
    Ok(text)
}

/// Returns the texts in a package; where it has none, that of its licence.
fn of(package: &Package) -> Result<Vec<String>> {
    let directory = package.directory();
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.unwrap_or_default().to_lowercase();
        if path.is_file() && NAMES.iter().any(|known| name.starts_with(known)) {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Ok(vec![standard(package)?]);
    }
    let texts = files.iter().map(|file| {
        let bytes = fs::read(file).with_context(|| file.display().to_string())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    });
    texts.collect()
}

/// Returns the standard text of a package's licence.
fn standard(package: &Package) -> Result<String> {
    let expression = package.license.as_deref().unwrap_or_default();
    let choices: Vec<_> = expression.split(" OR ").collect();
    if choices.contains(&"Apache-2.0") {
        return Ok(fs::read_to_string(workspace().join("LICENSE"))?);
    }
    if choices.contains(&"MIT") {
        let authors = match package.authors.join(", ") {
            none if none.is_empty() => format!("the authors of {}", package.name),
            authors => authors,
        };
        return Ok(format!("Copyright (c) {authors}\n\n{MIT}"));
    }
    bail!(
        "{} {}: no file with its licence, {expression:?}: give `standard` its text",
        package.name,
        package.version
    )
}

/// The MIT licence, without its line of copyright.
const MIT: &str = "\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the \"Software\"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense,
and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so,
subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT
LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN
NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY,
WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dependencies::Program;

    /// A text that is missing should not be found by the release, so this is for every target.
    #[test]
    fn every_package_has_its_licence() {
        for program in [Program::Provider, Program::Command] {
            let dependencies = Dependencies::of(program, "all").unwrap();
            let texts = texts(&dependencies).unwrap();
            for package in dependencies.foreign() {
                let heading = format!("\n{} {}: ", package.name, package.version);
                assert!(texts.contains(&heading), "no {heading:?}");
            }
            assert!(texts.contains("Permission is hereby granted"));
        }
    }

    #[test]
    fn a_package_without_a_file_gets_the_text_of_its_licence() {
        let package = |license: &str| -> Package {
            let json = serde_json::json!({
                "name": "a", "version": "1.0.0", "license": license, "authors": ["A. Uthor"],
                "manifest_path": "/a/Cargo.toml", "source": "registry",
            });
            serde_json::from_value(json).unwrap()
        };
        let mit = standard(&package("MIT")).unwrap();
        assert!(mit.starts_with("Copyright (c) A. Uthor\n"), "{mit}");
        let apache = standard(&package("MIT OR Apache-2.0")).unwrap();
        assert!(apache.contains("Apache License"), "{apache}");
        let error = standard(&package("Zlib")).unwrap_err().to_string();
        assert!(
            error.contains("a 1.0.0: no file with its licence, \"Zlib\""),
            "{error}"
        );
    }
}
