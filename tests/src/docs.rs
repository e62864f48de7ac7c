//! The reference pages under `docs/`, in the format of the Terraform Registry.
//!
//! The prose of a page is written by hand. The parts between two markers are generated: schemas and
//! signatures from the provider, examples from the files under `examples/`.
//!
//! ```text
//! <!-- schema: resource soci_index -->          the attributes, from the provider
//! <!-- example: resources/soci_index/resource.tf -->   a file under examples/
//! <!-- golden: trust.json -->                     an IAM policy of the builder's roles
//! <!-- signature: parse_image -->               a function's signature and arguments
//! <!-- /generated -->                           the end of a generated part
//! ```
//!
//! The pages for the command under `docs/cli` are generated entirely.

mod commands;
mod markdown;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::terraform::{Terraform, Version};
use crate::workspace;

pub use commands::stale as stale_commands;

const BEGIN: &str = "<!-- ";
const END: &str = "<!-- /generated -->";

/// The schemas of the provider, as `terraform providers schema -json` prints them.
pub struct Schemas(Value);

impl Schemas {
    /// Loads the schemas of the provider built from this workspace.
    pub fn load() -> Result<Self> {
        // Older versions do not support everything that the provider has.
        let terraform = Terraform::with(Version::Pinned)?;
        let source = "terraform {\n  required_providers {\n    soci = {\n      source = \"soci/soci\"\n    }\n  }\n}\n";
        terraform.write("main.tf", source)?;
        terraform.init()?;
        let all = terraform.schemas()?;
        let schemas = all["provider_schemas"].as_object();
        let schemas = schemas.and_then(|schemas| schemas.values().next());
        Ok(Self(schemas.context("no schema of the provider")?.clone()))
    }

    /// Returns the names of resources, data sources, list resources, actions and functions, each
    /// with the directory of its page.
    pub fn names(&self) -> Vec<(&'static str, String)> {
        let kinds = [
            ("resources", "resource_schemas"),
            ("data-sources", "data_source_schemas"),
            ("list-resources", "list_resource_schemas"),
            ("actions", "action_schemas"),
            ("functions", "functions"),
        ];
        let mut names = Vec::new();
        for (directory, key) in kinds {
            let of_kind = self.0[key].as_object().into_iter().flatten();
            names.extend(of_kind.map(|(name, _)| (directory, name.clone())));
        }
        names
    }

    /// Lists attributes and blocks without a description, as `resource soci_index: indexes.size`.
    pub fn undescribed(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (what, schema) in self.schemas() {
            markdown::undescribed(&schema["block"], &what, "", &mut found);
        }
        for (name, function) in self.0["functions"].as_object().into_iter().flatten() {
            let parameters = function["parameters"].as_array().into_iter().flatten();
            let variadic = Some(&function["variadic_parameter"]).filter(|it| it.is_object());
            for described in parameters.chain(variadic).chain([function]) {
                if described["description"].as_str().is_none_or(str::is_empty) {
                    found.push(format!("function {name}: {}", described["name"]));
                }
            }
        }
        found
    }

    fn schemas(&self) -> Vec<(String, &Value)> {
        let mut all = vec![("provider".to_owned(), &self.0["provider"])];
        for (kind, key) in [
            ("resource", "resource_schemas"),
            ("data", "data_source_schemas"),
            ("list", "list_resource_schemas"),
            ("action", "action_schemas"),
        ] {
            let of_kind = self.0[key].as_object().into_iter().flatten();
            all.extend(of_kind.map(|(name, schema)| (format!("{kind} {name}"), schema)));
        }
        all
    }

    /// Returns the pages that are out of date, each with its correct text.
    pub fn stale(&self) -> Result<Vec<(PathBuf, String)>> {
        let mut stale = Vec::new();
        for path in pages()? {
            if is_of_command(&path) {
                continue;
            }
            let page = std::fs::read_to_string(&path)?;
            let rendered = self.render(&page);
            let rendered = rendered.with_context(|| path.display().to_string())?;
            if rendered != page {
                stale.push((path, rendered));
            }
        }
        Ok(stale)
    }

    /// Returns a page with its generated parts up to date.
    pub fn render(&self, page: &str) -> Result<String> {
        let mut rendered = String::new();
        let mut rest = page;
        while let Some((before, after)) = next_mark(rest) {
            let (mark, after) = after.split_once("-->\n").context("a mark without an end")?;
            let (_, after) = after
                .split_once(END)
                .with_context(|| format!("{mark}: without {END}"))?;
            let content = self.content(mark.trim())?;
            rendered.push_str(before);
            rendered.push_str(&format!("{BEGIN}{mark}-->\n{content}{END}"));
            rest = after;
        }
        rendered.push_str(rest);
        Ok(rendered)
    }

    fn content(&self, mark: &str) -> Result<String> {
        let (kind, name) = mark.split_once(": ").context("a mark without a name")?;
        match kind {
            "schema" => {
                let schemas = self.schemas();
                let schema = schemas.iter().find(|(what, _)| what == name);
                let (_, schema) = schema.with_context(|| format!("{name}: not in the schema"))?;
                Ok(markdown::block(&schema["block"]))
            }
            "signature" => {
                let function = &self.0["functions"][name];
                ensure!(!function.is_null(), "{name}: no such function");
                Ok(markdown::function(name, function))
            }
            "example" | "golden" => {
                let directory = match kind {
                    "golden" => "provider/src/builder/golden",
                    _ => "examples",
                };
                let path = workspace::root().join(directory).join(name);
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("{}: cannot be read", path.display()))?;
                let language = match Path::new(name).extension().and_then(|its| its.to_str()) {
                    Some("tf" | "hcl") => "terraform",
                    Some("sh") => "shell",
                    Some("json") => "json",
                    _ => bail!("{name}: neither .tf, .hcl, .sh nor .json"),
                };
                Ok(format!("```{language}\n{}\n```\n", text.trim_end()))
            }
            _ => bail!("{kind}: no such mark"),
        }
    }
}

/// Splits a text at the next marker, without its `<!-- `.
fn next_mark(text: &str) -> Option<(&str, &str)> {
    let kinds = ["schema: ", "example: ", "golden: ", "signature: "];
    let places = kinds.map(|kind| text.find(&format!("{BEGIN}{kind}")));
    let at = places.into_iter().flatten().min()?;
    Some((&text[..at], &text[at + BEGIN.len()..]))
}

/// Returns whether a page belongs to the command `soci`.
pub fn is_of_command(page: &Path) -> bool {
    page.starts_with(workspace::root().join(commands::DIRECTORY))
}

/// Returns every Markdown file under `docs/`, except for `docs/design/`.
pub fn pages() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut directories = vec![workspace::root().join("docs")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("design") {
                directories.push(path);
            } else if path.extension().is_some_and(|its| its == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
