//! The Lambda functions that are embedded in the provider.
//!
//! `scripts/bundle.sh` builds and packs them; `build.rs` verifies and embeds them. A provider may
//! be built without them, or for only some of Lambda's architectures.

/// One of the two functions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Function {
    /// Decides which pushed images are indexed.
    EventFilter,
    /// Indexes one image.
    IndexGenerator,
}

/// The embedded functions.
#[derive(Debug)]
pub(crate) struct Bundle {
    version: &'static str,
    zips: &'static [(Function, &'static str, Zip)],
}

/// The deployment package of a function.
#[derive(Debug)]
pub(crate) struct Zip {
    /// The zip archive.
    pub bytes: &'static [u8],
    /// Its SHA-256 in base64, like Lambda's `CodeSha256`.
    pub sha256: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/bundle.rs"));

/// Returns the bundle, or `None` if the provider was built without one.
pub(crate) fn bundle() -> Option<&'static Bundle> {
    static EMBEDDED: Option<Bundle> = BUNDLE;
    EMBEDDED.as_ref()
}

impl Bundle {
    /// Returns the version of the provider, followed by `-debug` if the functions are not built for
    /// shipping, `+`, and twelve hex digits of a hash of the content.
    pub(crate) fn version(&self) -> &str {
        self.version
    }

    /// Returns the architectures of the functions, by their names in Lambda.
    pub(crate) fn architectures(&self) -> Vec<&'static str> {
        let filters = self.zips.iter();
        let filters = filters.filter(|(function, ..)| *function == Function::EventFilter);
        filters.map(|(_, architecture, _)| *architecture).collect()
    }

    /// Returns a function's package for an architecture.
    pub(crate) fn zip(&self, function: Function, architecture: &str) -> Option<&Zip> {
        let mut zips = self.zips.iter();
        let found = zips.find(|(f, a, _)| (*f, *a) == (function, architecture));
        found.map(|(_, _, zip)| zip)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn embedded() -> &'static Bundle {
        bundle().expect("no bundle to test: run `make test`")
    }

    #[test]
    fn each_zip_is_one_executable() {
        let bundle = embedded();
        assert!(!bundle.architectures().is_empty());
        for architecture in bundle.architectures() {
            for function in [Function::EventFilter, Function::IndexGenerator] {
                let zip = bundle.zip(function, architecture).expect("a zip");
                let mut archive = zip::ZipArchive::new(Cursor::new(zip.bytes)).expect("readable");
                assert_eq!(archive.len(), 1);
                let program = archive.by_index(0).expect("an entry");
                assert_eq!(program.name().expect("a name"), "bootstrap");
                assert_eq!(program.unix_mode().map(|mode| mode & 0o777), Some(0o755));
                assert_eq!(zip.sha256.len(), 44);
                assert!(zip.bytes.len() < 50 << 20, "Lambda takes no more");
            }
        }
        assert!(bundle.zip(Function::EventFilter, "riscv64").is_none());
    }

    #[test]
    fn the_version_tells_by_the_content() {
        let version = embedded().version();
        let build = version.strip_prefix(env!("CARGO_PKG_VERSION"));
        let content = build.and_then(|build| {
            let build = build.strip_prefix("-debug").unwrap_or(build);
            build.strip_prefix('+')
        });
        let hex = |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_hexdigit());
        assert!(content.is_some_and(hex), "{version}");
    }
}
