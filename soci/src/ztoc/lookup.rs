//! Lookup of files in a zTOC, with the semantics of a mounted layer.

use std::collections::HashMap;

use super::model::Ztoc;
use crate::tar::{Entry, EntryType, FileMetadata};

/// Maximum length of a chain of links.
const MAX_LINKS: usize = 40;

/// Reason why a path does not lead to a regular file of the layer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The layer has no such file, or does not contain the target of a link.
    #[error("{path}: no such file in the layer")]
    NotFound {
        /// The path.
        path: String,
    },
    /// The path leads to something other than a regular file.
    #[error("{path}: not a regular file, but {kind}")]
    NotRegular {
        /// The path.
        path: String,
        /// The type of what it leads to.
        kind: EntryType,
    },
    /// The links form a loop.
    #[error("{path}: a loop of links")]
    Loop {
        /// The path.
        path: String,
    },
}

impl Ztoc {
    /// Returns the regular file at `path`, following links within the layer.
    ///
    /// # Errors
    /// If there is none, or it is not a regular file.
    pub fn file(&self, path: &str) -> Result<&FileMetadata, LookupError> {
        let mut found = self.find(&[path]);
        let not_found = LookupError::NotFound {
            path: path.to_owned(),
        };
        found.pop().unwrap_or(Err(not_found))
    }

    /// Returns the regular file at each path, like [`file`](Self::file).
    pub(super) fn find(
        &self,
        paths: &[impl AsRef<str>],
    ) -> Vec<Result<&FileMetadata, LookupError>> {
        let each = |visit: &mut dyn FnMut(&Entry<'_>)| {
            for file in &self.files {
                visit(&file.as_entry());
            }
        };
        let found = find(paths, &each).into_iter();
        found.map(|found| Ok(&self.files[found?.index])).collect()
    }
}

/// A function that visits all entries of a layer.
type Each<'a> = dyn Fn(&mut dyn FnMut(&Entry<'_>)) + 'a;

/// A regular file.
pub(super) struct Found {
    /// Its position among the entries.
    pub index: usize,
    pub offset: i64,
    pub size: i64,
}

/// An entry with a wanted name.
struct Hit {
    file: Found,
    kind: EntryType,
    linkname: Vec<u8>,
}

/// Finds the regular file at each path, following links. Iterates over the entries once for all
/// paths, and once more for each link of the longest chain. Keeps only the wanted entries.
pub(super) fn find(paths: &[impl AsRef<str>], each: &Each<'_>) -> Vec<Result<Found, LookupError>> {
    let path = |number: usize| paths[number].as_ref().to_owned();
    let mut found: Vec<Result<Found, LookupError>> = (0..paths.len())
        .map(|number| Err(LookupError::Loop { path: path(number) }))
        .collect();
    let cleaned = paths.iter().map(|path| clean(path.as_ref().as_bytes()));
    let mut wanted: Vec<(usize, Vec<u8>)> = cleaned.enumerate().collect();
    for _ in 0..MAX_LINKS {
        if wanted.is_empty() {
            break;
        }
        let hits = hits(&wanted, each);
        let mut links = Vec::new();
        for (number, name) in wanted {
            let Some(hit) = &hits[&name] else {
                found[number] = Err(LookupError::NotFound { path: path(number) });
                continue;
            };
            match hit.kind {
                EntryType::Regular => {
                    let Found {
                        index,
                        offset,
                        size,
                    } = hit.file;
                    found[number] = Ok(Found {
                        index,
                        offset,
                        size,
                    });
                }
                EntryType::Hardlink => links.push((number, clean(&hit.linkname))),
                EntryType::Symlink if hit.linkname.starts_with(b"/") => {
                    links.push((number, clean(&hit.linkname)));
                }
                EntryType::Symlink => {
                    let directory = name.iter().rposition(|&b| b == b'/').unwrap_or(0);
                    let target = [&name[..directory], b"/", &hit.linkname].concat();
                    links.push((number, clean(&target)));
                }
                kind => {
                    let path = path(number);
                    found[number] = Err(LookupError::NotRegular { path, kind });
                }
            }
        }
        wanted = links;
    }
    found
}

/// Returns the entry for each wanted name. If a name occurs twice, the later entry is returned,
/// since that is the one that is mounted.
fn hits(wanted: &[(usize, Vec<u8>)], each: &Each<'_>) -> HashMap<Vec<u8>, Option<Hit>> {
    let names = wanted.iter().map(|(_, name)| (name.clone(), None));
    let mut hits: HashMap<Vec<u8>, Option<Hit>> = names.collect();
    let mut index = 0;
    let mut name = Vec::new();
    each(&mut |entry| {
        clean_to(&mut name, entry.name);
        if let Some(hit) = hits.get_mut(&name) {
            *hit = Some(Hit {
                file: Found {
                    index,
                    offset: entry.offset,
                    size: entry.size,
                },
                kind: entry.kind,
                linkname: entry.linkname.to_vec(),
            });
        }
        index += 1;
    });
    hits
}

/// Returns a path without `.`, `..`, empty components, and leading and trailing slashes.
fn clean(path: &[u8]) -> Vec<u8> {
    let mut cleaned = Vec::new();
    clean_to(&mut cleaned, path);
    cleaned
}

fn clean_to(cleaned: &mut Vec<u8>, path: &[u8]) {
    cleaned.clear();
    for component in path.split(|&b| b == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                let parent = cleaned.iter().rposition(|&b| b == b'/');
                cleaned.truncate(parent.unwrap_or(0));
            }
            _ => {
                if !cleaned.is_empty() {
                    cleaned.push(b'/');
                }
                cleaned.extend_from_slice(component);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn paths_are_cleaned() {
        for (path, want) in [
            ("/a/./b//c/", "a/b/c"),
            ("a/../../b", "b"),
            ("a/b/../c/../../d/e", "d/e"),
            ("", ""),
        ] {
            assert_eq!(clean(path.as_bytes()), want.as_bytes(), "{path}");
        }
    }

    #[test]
    fn many_paths_take_no_more_passes_than_one() {
        let entry = |name, kind, linkname, size| Entry {
            name,
            kind,
            offset: 512,
            size,
            linkname,
            mode: 0,
            uid: 0,
            gid: 0,
            uname: b"",
            gname: b"",
            mod_time: "",
            devmajor: 0,
            devminor: 0,
            records: crate::tar::Records::Packed(&[]),
        };
        let entries = [
            entry(b"./bin/sh", EntryType::Symlink, b"../lib/busybox", 0),
            entry(b"lib/busybox", EntryType::Regular, b"", 1),
            entry(b"lib/busybox", EntryType::Regular, b"", 2),
            entry(b"loop", EntryType::Symlink, b"/loop", 0),
            entry(b"etc", EntryType::Directory, b"", 0),
        ];
        let passes = Cell::new(0);
        let each = |visit: &mut dyn FnMut(&Entry<'_>)| {
            passes.set(passes.get() + 1);
            entries.iter().for_each(visit);
        };
        let mut paths = vec!["/bin/sh", "etc", "missing", "lib/busybox"];
        paths.resize(1000, "bin/./sh");
        let found = find(&paths, &each);
        assert_eq!(passes.replace(0), 2);
        let size = |number: usize| found[number].as_ref().ok().map(|found| found.size);
        assert_eq!([size(0), size(3), size(999)], [Some(2); 3]);
        assert!(matches!(found[1], Err(LookupError::NotRegular { .. })));
        assert!(matches!(found[2], Err(LookupError::NotFound { .. })));
        let found = find(&["loop"], &each);
        assert!(matches!(found[0], Err(LookupError::Loop { .. })));
        assert_eq!(passes.get(), MAX_LINKS);
    }
}
