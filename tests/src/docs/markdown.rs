//! Schemas as Markdown, in the format of the Terraform Registry.

use std::fmt::Write as _;

use serde_json::Value;

/// Renders the attributes and blocks of a schema: required, optional, read-only, then nested ones.
pub(super) fn block(block: &Value) -> String {
    let mut text = "## Schema\n".to_owned();
    let mut nested = Vec::new();
    groups(block, "", "###", &mut text, &mut nested);
    while !nested.is_empty() {
        let mut deeper = Vec::new();
        for (anchor, path, inner) in nested {
            write!(
                text,
                "\n<a id=\"{anchor}\"></a>\n### Nested Schema for `{path}`\n"
            )
            .expect("a String takes everything");
            groups(inner, &path, "", &mut text, &mut deeper);
        }
        nested = deeper;
    }
    text
}

type Nested<'a> = (String, String, &'a Value);

/// Renders the three groups of a block, or of a nested attribute's object.
fn groups<'a>(
    block: &'a Value,
    path: &str,
    heading: &str,
    text: &mut String,
    nested: &mut Vec<Nested<'a>>,
) {
    let mut lines: [Vec<String>; 3] = Default::default();
    for (name, attribute) in block["attributes"].as_object().into_iter().flatten() {
        let group = if attribute["required"] == true {
            0
        } else if attribute["optional"] == true {
            1
        } else {
            2
        };
        let mut line = format!(
            "- `{name}` ({}) {}",
            kind(attribute),
            description(attribute)
        );
        if let Some(inner) = attribute.get("nested_type") {
            let path = below(path, name);
            let anchor = format!("nestedatt--{}", path.replace('.', "--"));
            line.push_str(&format!(" (see [below for nested schema](#{anchor}))"));
            nested.push((anchor, path, inner));
        }
        lines[group].push(line);
    }
    for (name, nested_block) in block["block_types"].as_object().into_iter().flatten() {
        let inner = &nested_block["block"];
        let required = nested_block["min_items"].as_u64().unwrap_or(0) > 0;
        let kind = match nested_block["nesting_mode"].as_str() {
            Some("list") => "Block List",
            Some("set") => "Block Set",
            Some("map") => "Block Map",
            _ => "Block",
        };
        let most = match nested_block["max_items"].as_u64() {
            Some(most) if kind != "Block" => format!(", Max: {most}"),
            _ => String::new(),
        };
        let path = below(path, name);
        let anchor = format!("nestedblock--{}", path.replace('.', "--"));
        lines[usize::from(!required)].push(format!(
            "- `{name}` ({kind}{most}) {} (see [below for nested schema](#{anchor}))",
            description(inner)
        ));
        nested.push((anchor, path, inner));
    }
    for (title, mut lines) in ["Required", "Optional", "Read-Only"].into_iter().zip(lines) {
        if lines.is_empty() {
            continue;
        }
        lines.sort();
        let title = if heading.is_empty() {
            format!("{title}:")
        } else {
            format!("{heading} {title}")
        };
        write!(text, "\n{title}\n\n{}\n", lines.join("\n")).expect("a String takes everything");
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// Returns a description on a single line.
fn description(described: &Value) -> String {
    let text = described["description"].as_str().unwrap_or_default();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let deprecated = described["deprecated"] == true;
    if deprecated && !text.starts_with("Deprecated") {
        return format!("**Deprecated.** {text}");
    }
    text
}

/// Names a type: `String`, `List of String`, `Attributes List`. Adds `, Sensitive` if it is
/// sensitive.
fn kind(attribute: &Value) -> String {
    let mut kind = match attribute.get("nested_type") {
        None => type_name(&attribute["type"]),
        Some(nested) => match nested["nesting_mode"].as_str() {
            Some("list") => "Attributes List".to_owned(),
            Some("set") => "Attributes Set".to_owned(),
            Some("map") => "Attributes Map".to_owned(),
            _ => "Attributes".to_owned(),
        },
    };
    if attribute["sensitive"] == true {
        kind.push_str(", Sensitive");
    }
    kind
}

fn type_name(ty: &Value) -> String {
    match ty {
        Value::String(name) => match name.as_str() {
            "bool" => "Boolean".to_owned(),
            "dynamic" => "Dynamic".to_owned(),
            name => {
                let mut letters = name.chars();
                let first = letters.next().map(|letter| letter.to_ascii_uppercase());
                first.into_iter().chain(letters).collect()
            }
        },
        Value::Array(parts) => match (parts[0].as_str().unwrap_or_default(), &parts[1]) {
            ("object", _) => "Object".to_owned(),
            ("tuple", _) => "Tuple".to_owned(),
            (collection, of) => {
                let collection = type_name(&Value::String(collection.to_owned()));
                format!("{collection} of {}", type_name(of))
            }
        },
        _ => "Dynamic".to_owned(),
    }
}

/// Renders the signature and the arguments of a function.
pub(super) fn function(name: &str, function: &Value) -> String {
    let parameters = function["parameters"].as_array();
    let mut parameters: Vec<&Value> = parameters.into_iter().flatten().collect();
    let shown = |parameter: &Value| {
        let ty = type_name(&parameter["type"]).to_lowercase();
        format!("{} {ty}", parameter["name"].as_str().unwrap_or_default())
    };
    let mut arguments: Vec<String> = parameters.iter().map(|it| shown(it)).collect();
    let variadic = &function["variadic_parameter"];
    if variadic.is_object() {
        arguments.push(format!("{}...", shown(variadic)));
        parameters.push(variadic);
    }
    let returned = &function["return_type"];
    let mut text = format!(
        "## Signature\n\n```text\n{name}({}) {}\n```\n\n## Arguments\n\n",
        arguments.join(", "),
        type_name(returned).to_lowercase()
    );
    for (at, parameter) in parameters.iter().enumerate() {
        let ty = type_name(&parameter["type"]);
        let name = parameter["name"].as_str().unwrap_or_default();
        let line = format!("{}. `{name}` ({ty}) {}\n", at + 1, description(parameter));
        text.push_str(&line);
    }
    // Callers need to know the attributes of an object.
    if let Some(attributes) = returned.pointer("/1").and_then(Value::as_object) {
        text.push_str("\n## Return Type\n\nAn object with:\n\n");
        for (name, ty) in attributes {
            text.push_str(&format!("- `{name}` ({})\n", type_name(ty)));
        }
    }
    text
}

/// Adds the paths of attributes and blocks without a description to `found`.
pub(super) fn undescribed(block: &Value, what: &str, path: &str, found: &mut Vec<String>) {
    let mut check = |described: &Value, path: &str| {
        if described["description"].as_str().is_none_or(str::is_empty) {
            found.push(format!("{what}: {path}"));
        }
    };
    let mut inner = Vec::new();
    for (name, attribute) in block["attributes"].as_object().into_iter().flatten() {
        let path = below(path, name);
        check(attribute, &path);
        inner.extend(attribute.get("nested_type").map(|nested| (nested, path)));
    }
    for (name, nested) in block["block_types"].as_object().into_iter().flatten() {
        let path = below(path, name);
        check(&nested["block"], &path);
        inner.push((&nested["block"], path));
    }
    for (block, path) in inner {
        undescribed(block, what, &path, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn schemas_are_grouped() {
        let schema = json!({
            "attributes": {
                "b": {"type": "string", "optional": true, "sensitive": true, "description": "B."},
                "a": {"type": ["list", "number"], "required": true, "description": "A\n  line."},
                "n": {
                    "computed": true,
                    "description": "N.",
                    "nested_type": {
                        "nesting_mode": "list",
                        "attributes": {"x": {"type": "bool", "computed": true}},
                    },
                },
            },
            "block_types": {
                "t": {
                    "nesting_mode": "single",
                    "block": {"description": "T.", "attributes": {}},
                },
            },
        });
        let text = block(&schema);
        let parts = [
            "### Required\n\n- `a` (List of Number) A line.\n",
            "### Optional\n\n- `b` (String, Sensitive) B.\n- `t` (Block) T. (see [below for \
             nested schema](#nestedblock--t))\n",
            "### Read-Only\n\n- `n` (Attributes List) N. (see",
            "<a id=\"nestedatt--n\"></a>\n### Nested Schema for `n`\n\nRead-Only:\n\n- `x` (Boolean) \n",
        ];
        for part in parts {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
        let mut found = Vec::new();
        undescribed(&schema, "resource r", "", &mut found);
        assert_eq!(found, ["resource r: n.x"]);
    }
}
