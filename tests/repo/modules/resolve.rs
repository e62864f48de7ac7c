//! Where the item that a path names is defined.

use super::source::{Import, Module, Modules, Names};

/// Longest chain of imports that is followed; `use a::a` of another crate would never end.
const MAX_DEPTH: usize = 16;

/// The target of a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A module, as such.
    Module(Names),
    /// An item that is defined in this module.
    Item(Names),
}

/// Resolves a path that stands in the module `from`; `None` if it leads out of the crate.
pub(super) fn resolve(modules: &Modules, from: &[String], path: &[String]) -> Option<Target> {
    Resolver { modules }.path(from, path, 0)
}

struct Resolver<'a> {
    modules: &'a Modules,
}

impl Resolver<'_> {
    fn path(&self, from: &[String], path: &[String], depth: usize) -> Option<Target> {
        if depth > MAX_DEPTH {
            return None;
        }
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.inside(&[], rest, depth),
            "self" => self.inside(from, rest, depth),
            "super" => {
                let mut base = from.split_last()?.1;
                let mut rest = rest;
                while rest.first().is_some_and(|name| name == "super") {
                    base = base.split_last()?.1;
                    rest = &rest[1..];
                }
                self.inside(base, rest, depth)
            }
            _ => self.name(from, path, depth),
        }
    }

    /// Resolves a path relative to a module, whose last name may be anything.
    fn inside(&self, module: &[String], path: &[String], depth: usize) -> Option<Target> {
        if path.is_empty() {
            return Some(Target::Module(module.to_vec()));
        }
        let found = self.name(module, path, depth);
        // Macros define items that no parser sees.
        found.or_else(|| Some(Target::Item(module.to_vec())))
    }

    /// Resolves a path whose first name is in the scope of a module.
    fn name(&self, module: &[String], path: &[String], depth: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let scope: &Module = self.modules.get(module)?;
        if scope.children.contains(first) {
            let child = [module, std::slice::from_ref(first)].concat();
            return self.inside(&child, rest, depth);
        }
        if scope.items.contains(first) {
            return Some(Target::Item(module.to_vec()));
        }
        if let Some(import) = scope.imports.iter().find(|import| import.name == *first) {
            let path = [import.path.as_slice(), rest].concat();
            return self.path(module, &path, depth + 1);
        }
        let through = |glob: &Import| match self.path(module, &glob.path, depth + 1)? {
            Target::Module(target) if target != module => self.name(&target, path, depth + 1),
            _ => None,
        };
        scope.globs.iter().find_map(through)
    }
}
