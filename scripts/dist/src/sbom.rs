//! The list of what a program is made of, as a CycloneDX document.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::dependencies::{Dependencies, Id, Package};
use crate::epoch::Epoch;

/// Returns the document. It has no serial number: the same build gives the same bytes.
pub(crate) fn document(dependencies: &Dependencies, epoch: Epoch) -> Result<String> {
    let root = dependencies.packages.get(&dependencies.root);
    let mut program = component(root.context("a program without a package")?);
    program["type"] = json!("application");
    let others = dependencies.packages.values();
    let others = others.filter(|package| package.id() != dependencies.root);
    let edges = dependencies.edges.iter().map(|(package, needs)| {
        let needs: Vec<_> = needs.iter().map(reference).collect();
        json!({"ref": reference(package), "dependsOn": needs})
    });
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"timestamp": epoch.rfc3339(), "component": program},
        "components": others.map(component).collect::<Vec<_>>(),
        "dependencies": edges.collect::<Vec<_>>(),
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&document)?))
}

fn component(package: &Package) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": reference(&package.id()),
        "name": package.name,
        "version": package.version,
    });
    if let Some(license) = &package.license {
        component["licenses"] = json!([{"expression": license}]);
    }
    // What nobody can fetch from the registry has no address there.
    if package.source.is_some() {
        component["purl"] = json!(reference(&package.id()));
    }
    if let Some(checksum) = &package.checksum {
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    component
}

fn reference((name, version): &Id) -> String {
    // The one character of versions that has a meaning in URLs.
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::dependencies::Program;

    #[test]
    fn the_document_lists_what_the_program_is_made_of() {
        let dependencies = Dependencies::of(Program::Command, "x86_64-unknown-linux-musl").unwrap();
        let epoch = Epoch::parse("1767323045").unwrap();
        let text = document(&dependencies, epoch).unwrap();
        assert_eq!(text, document(&dependencies, epoch).unwrap());
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["metadata"]["timestamp"], "2026-01-02T03:04:05Z");
        let program = &document["metadata"]["component"];
        assert_eq!(program["name"], "soci-cli");
        assert_eq!(program["version"], env!("CARGO_PKG_VERSION"));
        let components = document["components"].as_array().unwrap();
        assert_eq!(components.len() + 1, dependencies.packages.len());
        let tokio = components
            .iter()
            .find(|its| its["name"] == "tokio")
            .unwrap();
        assert!(
            tokio["purl"]
                .as_str()
                .unwrap()
                .starts_with("pkg:cargo/tokio@1.")
        );
        assert_eq!(tokio["hashes"][0]["content"].as_str().unwrap().len(), 64);
        assert_eq!(tokio["licenses"][0]["expression"], "MIT");

        let name = |value: &Value| value["bom-ref"].as_str().unwrap().to_owned();
        let mut known: BTreeSet<_> = components.iter().map(name).collect();
        known.insert(name(program));
        for edge in document["dependencies"].as_array().unwrap() {
            assert!(known.contains(edge["ref"].as_str().unwrap()), "{edge}");
            for needed in edge["dependsOn"].as_array().unwrap() {
                assert!(known.contains(needed.as_str().unwrap()), "{edge}");
            }
        }
    }
}
