//! Files with notes.

use std::io::ErrorKind;
use std::path::Path;

use tfplugin_sdk::Diagnostic;

/// Reads a note; `None` if there is certainly none.
pub(crate) fn load(path: &Path) -> Result<Option<String>, Diagnostic> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(file_error(path, &e)),
    }
}

/// Reports an error of a file.
pub(crate) fn file_error(path: &Path, error: &std::io::Error) -> Diagnostic {
    let detail = format!(
        "{}: {error}. Check the path and its permissions.",
        path.display()
    );
    Diagnostic::error("File not accessible", detail).at("path")
}
