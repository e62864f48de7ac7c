//! The Lambda functions' zips that are embedded in the provider.
//!
//! STAND-IN: two tiny zips of nothing, of the same shape as the real bundle, which replaces
//! this file.

/// One of the two functions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Function {
    /// Decides which pushes are indexed.
    EventFilter,
    /// Indexes.
    IndexGenerator,
}

/// A zip as it is uploaded.
pub(crate) struct Zip {
    /// The zip.
    pub bytes: &'static [u8],
    /// Base64, as Lambda's `CodeSha256`.
    pub sha256: &'static str,
}

/// The functions' zips.
pub(crate) struct Bundle {
    zip: Zip,
}

/// The bundle, unless the provider was built without one.
pub(crate) fn bundle() -> Option<&'static Bundle> {
    static BUNDLE: Bundle = Bundle {
        zip: Zip {
            bytes: include_bytes!("bundle/stand-in.zip"),
            sha256: include_str!("bundle/stand-in.sha256").trim_ascii(),
        },
    };
    Some(&BUNDLE)
}

impl Bundle {
    /// The version of the functions, such as `0.1.0+0123456789ab`.
    pub(crate) fn version(&self) -> &str {
        "0.1.0+000000000000"
    }

    /// Which architectures there are, by Lambda's names.
    pub(crate) fn architectures(&self) -> Vec<&'static str> {
        vec!["x86_64"]
    }

    /// A function's zip.
    pub(crate) fn zip(&self, _: Function, architecture: &str) -> Option<&Zip> {
        (architecture == "x86_64").then_some(&self.zip)
    }
}
