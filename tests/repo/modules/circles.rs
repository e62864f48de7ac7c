//! Which modules use which, and the circles among them.

use std::collections::{BTreeMap, BTreeSet};

use super::resolve::{Target, resolve};
use super::source::{Import, Modules, Names};

/// A module that uses an item of another.
struct Use {
    from: Names,
    to: Names,
    path: String,
}

/// Describes every circle of a crate: the room that it is in, and one use for each of its arrows.
pub(super) fn circles(modules: &Modules) -> Vec<String> {
    let uses = uses(modules);
    let parents = modules.iter().filter(|(_, its)| !its.children.is_empty());
    parents
        .flat_map(|(parent, its)| {
            circles_below(parent, &uses)
                .into_iter()
                .map(|circle| format!("{}: {circle}", its.file))
        })
        .collect()
}

fn uses(modules: &Modules) -> Vec<Use> {
    let mut uses = Vec::new();
    for (from, module) in modules {
        let mut add = |path: &[String]| {
            if let Some(Target::Item(to)) = resolve(modules, from, path)
                && to != *from
            {
                uses.push(Use {
                    from: from.clone(),
                    to,
                    path: path.join("::"),
                });
            }
        };
        let is_reexport_of_child = |import: &Import| {
            let target = match resolve(modules, from, &import.path) {
                Some(Target::Module(target) | Target::Item(target)) => target,
                None => return false,
            };
            import.reexport && target.starts_with(from)
        };
        let reexports: BTreeSet<&str> = module
            .imports
            .iter()
            .filter(|import| is_reexport_of_child(import))
            .map(|import| import.name.as_str())
            .collect();
        for import in &module.imports {
            if !is_reexport_of_child(import) {
                add(&import.path);
            }
        }
        for path in &module.paths {
            // A single name was imported, which counts already, or is not from elsewhere.
            if path.len() > 1 || reexports.contains(path[0].as_str()) {
                add(path);
            }
        }
        for glob in &module.globs {
            let Some(Target::Module(to)) = resolve(modules, from, &glob.path) else {
                continue;
            };
            if to != *from && !is_reexport_of_child(glob) {
                uses.push(Use {
                    from: from.clone(),
                    to,
                    path: format!("{}::*", glob.path.join("::")),
                });
            }
        }
    }
    uses
}

/// The circles between the rooms of one module: its own file, and each child with all below it.
fn circles_below(parent: &[String], uses: &[Use]) -> Vec<String> {
    const OWN: &str = "(itself)";
    let room = |names: &Names| {
        let below = names.strip_prefix(parent)?;
        Some(below.first().map_or(OWN, String::as_str).to_owned())
    };
    let mut arrows: BTreeMap<String, BTreeMap<String, &Use>> = BTreeMap::new();
    for its in uses {
        if let (Some(from), Some(to)) = (room(&its.from), room(&its.to))
            && from != to
        {
            arrows.entry(from).or_default().entry(to).or_insert(its);
        }
    }
    let mut found = Vec::new();
    let mut done = BTreeSet::new();
    for start in arrows.keys() {
        let reached = reached(&arrows, start);
        if done.contains(start) || !reached.contains(start) {
            continue;
        }
        let circle: BTreeSet<_> = reached
            .into_iter()
            .filter(|room| self::reached(&arrows, room).contains(start))
            .collect();
        let mut text = Vec::new();
        for from in &circle {
            for (to, its) in &arrows[from] {
                if circle.contains(to) {
                    let module = match its.from.join("::") {
                        root if root.is_empty() => "the root".to_owned(),
                        module => module,
                    };
                    text.push(format!("{from} -> {to} ({module} uses {})", its.path));
                }
            }
        }
        found.push(text.join(", "));
        done.extend(circle);
    }
    found
}

fn reached(arrows: &BTreeMap<String, BTreeMap<String, &Use>>, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from.to_owned()];
    while let Some(room) = next.pop() {
        for to in arrows.get(&room).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(to.clone()) {
                next.push(to.clone());
            }
        }
    }
    reached
}
