//! The modules of one crate, as its source files declare them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ImplItem, Item, ItemMod, ItemUse, Meta, UseTree, Visibility};

/// The names from the root of the crate to a module or an item; the root itself is empty.
pub(super) type Names = Vec<String>;

/// One import: `use path` or `use path as name`.
pub(super) struct Import {
    pub(super) name: String,
    pub(super) path: Names,
    /// Anything but private: others may find the item through it.
    pub(super) reexport: bool,
}

/// A module without the code that only tests compile.
#[derive(Default)]
pub(super) struct Module {
    pub(super) file: String,
    pub(super) children: BTreeSet<String>,
    /// The items defined here, other than modules.
    pub(super) items: BTreeSet<String>,
    pub(super) imports: Vec<Import>,
    pub(super) globs: Vec<Import>,
    /// Every path in the code, however short.
    pub(super) paths: BTreeSet<Names>,
}

/// The modules of a crate by their names.
pub(super) type Modules = BTreeMap<Names, Module>;

/// Reads the crate whose root is `root`, a path such as `soci/src/lib.rs`. `read` gives the text of
/// a file, or `None` if there is no such file.
pub(super) fn load(root: &str, read: &dyn Fn(&str) -> Option<String>) -> Result<Modules> {
    let mut modules = Modules::new();
    let directory = parent(root).to_owned();
    load_file(root, &directory, Vec::new(), read, &mut modules)?;
    Ok(modules)
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Reads one file; the modules that it declares are looked for in `directory`.
fn load_file(
    file: &str,
    directory: &str,
    names: Names,
    read: &dyn Fn(&str) -> Option<String>,
    modules: &mut Modules,
) -> Result<()> {
    let text = read(file).with_context(|| format!("{file}: no such file"))?;
    let parsed = syn::parse_file(&text).with_context(|| format!("{file}: cannot parse"))?;
    load_items(&parsed.items, file, directory, names, read, modules)
}

fn load_items(
    items: &[Item],
    file: &str,
    directory: &str,
    names: Names,
    read: &dyn Fn(&str) -> Option<String>,
    modules: &mut Modules,
) -> Result<()> {
    let mut module = Module {
        file: file.to_owned(),
        ..Module::default()
    };
    for item in items {
        if attributes(item).iter().any(is_for_tests) {
            continue;
        }
        module.visit_item(item);
        let Item::Mod(child) = item else {
            continue;
        };
        let name = child.ident.to_string();
        let child_names = [names.as_slice(), std::slice::from_ref(&name)].concat();
        let mut child_directory = format!("{directory}/{name}");
        if let Some((_, items)) = &child.content {
            load_items(items, file, &child_directory, child_names, read, modules)?;
        } else {
            let mut child_file = format!("{directory}/{name}.rs");
            if let Some(path) = explicit_path(child) {
                child_file = normalize(&format!("{}/{path}", parent(file)));
                child_directory = parent(&child_file).to_owned();
            }
            load_file(&child_file, &child_directory, child_names, read, modules)?;
        }
        module.children.insert(name);
    }
    modules.insert(names, module);
    Ok(())
}

/// The value of `#[path = "…"]`.
fn explicit_path(module: &ItemMod) -> Option<String> {
    module.attrs.iter().find_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else {
            return None;
        };
        let Expr::Lit(literal) = &pair.value else {
            return None;
        };
        match &literal.lit {
            syn::Lit::Str(path) if pair.path.is_ident("path") => Some(path.value()),
            _ => None,
        }
    })
}

/// Resolves `..` in a relative path.
fn normalize(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

/// Whether an attribute leaves its item to test builds.
fn is_for_tests(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else {
        return attribute.path().is_ident("test");
    };
    let condition = list.tokens.to_string();
    let is_all_with_test = condition.starts_with("all")
        && condition
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| word == "test");
    list.path.is_ident("cfg") && (condition == "test" || is_all_with_test)
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name of the item that `item` defines in its module.
fn name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

impl Module {
    fn add_imports(&mut self, tree: &UseTree, prefix: &[String], reexport: bool) {
        let joined = |name: String| [prefix, &[name]].concat();
        match tree {
            UseTree::Path(path) => {
                let prefix = joined(path.ident.to_string());
                self.add_imports(&path.tree, &prefix, reexport);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_imports(tree, prefix, reexport);
                }
            }
            UseTree::Glob(_) => self.globs.push(Import {
                name: String::new(),
                path: prefix.to_vec(),
                reexport,
            }),
            UseTree::Name(name) if name.ident == "self" => self.imports.push(Import {
                name: prefix.last().cloned().unwrap_or_default(),
                path: prefix.to_vec(),
                reexport,
            }),
            UseTree::Name(name) => self.imports.push(Import {
                name: name.ident.to_string(),
                path: joined(name.ident.to_string()),
                reexport,
            }),
            UseTree::Rename(rename) if rename.ident == "self" => self.imports.push(Import {
                name: rename.rename.to_string(),
                path: prefix.to_vec(),
                reexport,
            }),
            UseTree::Rename(rename) => self.imports.push(Import {
                name: rename.rename.to_string(),
                path: joined(rename.ident.to_string()),
                reexport,
            }),
        }
    }

    /// Adds every path among the tokens of a macro call.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path = Names::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.paths.insert(std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && colons < 2 => colons += 1,
                TokenTree::Group(group) => {
                    self.add_tokens(group.stream());
                    self.paths.insert(std::mem::take(&mut path));
                    colons = 0;
                }
                _ => {
                    self.paths.insert(std::mem::take(&mut path));
                    colons = 0;
                }
            }
        }
        self.paths.insert(path);
        self.paths.remove(&Names::new());
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item(&mut self, item: &'ast Item) {
        if attributes(item).iter().any(is_for_tests) {
            return;
        }
        self.items.extend(name(item));
        // A module inside is a module of its own.
        if !matches!(item, Item::Mod(_)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes = match item {
            ImplItem::Fn(item) => item.attrs.as_slice(),
            ImplItem::Const(item) => item.attrs.as_slice(),
            _ => &[],
        };
        if !attributes.iter().any(is_for_tests) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if item.leading_colon.is_none() {
            let reexport = !matches!(item.vis, Visibility::Inherited);
            self.add_imports(&item.tree, &[], reexport);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let segments = path.segments.iter();
            let names = segments.map(|segment| segment.ident.to_string());
            self.paths.insert(names.collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.add_tokens(call.tokens.clone());
    }
}
