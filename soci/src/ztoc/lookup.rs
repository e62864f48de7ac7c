//! Finding a file in a zTOC, as a mounted layer would.

use std::collections::HashMap;

use super::model::Ztoc;
use crate::tar::{EntryType, FileMetadata};

/// Maximum length of a chain of links.
const MAX_LINKS: usize = 40;

/// Reason why a path does not lead to a regular file of the layer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The layer has no such file, or the target of a link is not in it.
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
    /// The links do not end.
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
        // If a name occurs twice, the later entry is the one that is mounted.
        let by_name: HashMap<Vec<u8>, &FileMetadata> = self
            .files
            .iter()
            .map(|file| (clean(&file.name), file))
            .collect();
        let path = path.to_owned();
        let mut name = clean(path.as_bytes());
        for _ in 0..MAX_LINKS {
            let Some(file) = by_name.get(&name) else {
                return Err(LookupError::NotFound { path });
            };
            name = match file.kind {
                EntryType::Regular => return Ok(file),
                EntryType::Hardlink => clean(&file.linkname),
                EntryType::Symlink if file.linkname.starts_with(b"/") => clean(&file.linkname),
                EntryType::Symlink => {
                    let directory = name.iter().rposition(|&b| b == b'/').unwrap_or(0);
                    clean(&[&name[..directory], b"/", &file.linkname].concat())
                }
                kind => return Err(LookupError::NotRegular { path, kind }),
            };
        }
        Err(LookupError::Loop { path })
    }
}

/// Returns a path without `.`, `..`, empty components and slashes at either end.
fn clean(path: &[u8]) -> Vec<u8> {
    let mut components: Vec<&[u8]> = Vec::new();
    for component in path.split(|&b| b == b'/') {
        match component {
            b"" | b"." => {}
            b".." => drop(components.pop()),
            _ => components.push(component),
        }
    }
    components.join(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned() {
        for (path, want) in [("/a/./b//c/", "a/b/c"), ("a/../../b", "b"), ("", "")] {
            assert_eq!(clean(path.as_bytes()), want.as_bytes(), "{path}");
        }
    }
}
