//! Links between documents lead somewhere: to a file, and to a heading of it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::{paths, tracked};

#[test]
fn every_link_leads_to_a_file_and_a_heading() -> Result<()> {
    let files = tracked::files()?;
    let existing = paths::existing(&files);
    let mut documents = BTreeMap::new();
    for file in files.iter().filter(|file| file.ends_with(".md")) {
        documents.insert(file.as_str(), tracked::text(file)?);
    }
    let mut wrong = Vec::new();
    for (file, text) in &documents {
        for link in broken(file, text, &existing, &documents) {
            wrong.push(format!("{file}: {link}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

/// Returns the relative links of a document that lead nowhere.
fn broken<'a>(
    document: &str,
    text: &'a str,
    existing: &BTreeSet<&str>,
    documents: &BTreeMap<&str, String>,
) -> Vec<&'a str> {
    let links = prose(text).flat_map(|line| line.split("](").skip(1));
    let links = links.filter_map(|rest| rest.split(')').next());
    let links = links.filter(|link| !link.contains(':'));
    links
        .filter(|link| {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let anchor = anchor.replace('\\', "");
            let target = match path {
                "" => document.to_owned(),
                path => resolve(document, path),
            };
            let anchors = documents.get(target.as_str()).map(|text| anchors(text));
            let has_anchor = |anchors: BTreeSet<String>| anchors.contains(&anchor);
            let is_broken = !anchor.is_empty() && !anchors.is_some_and(has_anchor);
            is_broken || !existing.contains(target.as_str())
        })
        .collect()
}

/// Returns the path that a link of a document names.
fn resolve(document: &str, link: &str) -> String {
    let directory = document.rsplit_once('/').map_or("", |(parent, _)| parent);
    let mut parts: Vec<&str> = directory
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Returns the lines of a document that are no code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    })
}

/// Returns what can stand behind `#` in a link to a document.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for line in prose(text) {
        for mark in ["<a id=\"", "<a name=\""] {
            let ids = line.split(mark).skip(1);
            anchors.extend(ids.filter_map(|rest| rest.split('"').next().map(str::to_owned)));
        }
        let heading = line.trim_start_matches('#');
        if heading.len() < line.len() && heading.starts_with(' ') {
            anchors.insert(slug(heading.trim()));
        }
    }
    anchors
}

/// Returns the anchor that GitHub gives a heading.
fn slug(heading: &str) -> String {
    // Of a link, only the text counts.
    let mut text = String::new();
    let mut rest = heading;
    while let Some((before, after)) = rest.split_once("](") {
        text.push_str(before);
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    let letters = text.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        c if c.is_alphanumeric() => Some(c),
        _ => None,
    });
    letters.flat_map(char::to_lowercase).collect()
}

#[test]
fn a_broken_link_is_found() {
    let files = ["docs/index.md", "docs/guides/a.md", "LICENSE"].map(str::to_owned);
    let other = "# Title\n\n## The command `soci`\n\n<a id=\"schema--x\"></a> <a name=\"in_put\"></a>\n```sh\n# code\n```\n";
    let documents = BTreeMap::from([("docs/index.md", other.to_owned())]);
    let text = "[a](../index.md#the-command-soci), [b](../index.md#schema--x), [c](../index.md#code), \
        [d](gone.md), [e](../../LICENSE), [f](https://example.com/x#y), [g](../), \
        [j](../index.md#in\\_put)\n\
        ```text\n[h](no/link)\n```\n[i](#none)";
    let found = broken(
        "docs/guides/a.md",
        text,
        &paths::existing(&files),
        &documents,
    );
    assert_eq!(found, ["../index.md#code", "gone.md", "#none"]);
    assert_eq!(
        slug("From a [push](x.md) to V1 or V2?"),
        "from-a-push-to-v1-or-v2"
    );
}
