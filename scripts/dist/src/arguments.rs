//! The command line of this program.

use std::path::Path;

use anyhow::Result;

use crate::epoch::Epoch;
use crate::package::{self, Inputs};
use crate::sums;

pub(crate) const USAGE: &str = "usage: dist package OUTPUT PLATFORM TRIPLE PROGRAMS PAGES NOTICES
       dist functions OUTPUT BUNDLE
       dist sums OUTPUT";

/// Does what the arguments say. Returns none if they say nothing that it knows.
pub(crate) fn run(arguments: &[&str]) -> Option<Result<()>> {
    Some(match *arguments {
        [
            "package",
            output,
            platform,
            triple,
            programs,
            pages,
            notices,
        ] => {
            let inputs = Inputs::new(triple, programs, pages, notices);
            package(Path::new(output), platform, &inputs)
        }
        ["functions", output, bundle] => package::functions(Path::new(output), Path::new(bundle)),
        ["sums", output] => sums::write(Path::new(output)),
        _ => return None,
    })
}

fn package(output: &Path, platform: &str, inputs: &Inputs<'_>) -> Result<()> {
    package::write(
        output,
        &platform.parse()?,
        inputs,
        Epoch::from_environment()?,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_arguments_are_refused() {
        for arguments in [&[][..], &["sums"], &["package", "output"], &["pack"]] {
            assert!(run(arguments).is_none(), "{arguments:?}");
        }
        let wrong = ["package", "o", "solaris_sparc", "t", "p", "p", "n"];
        let error = run(&wrong).unwrap().unwrap_err().to_string();
        assert!(error.contains("want one such as linux_amd64"), "{error}");
    }
}
