//! Platforms, in the spelling of Terraform.

use std::fmt;
use std::str::FromStr;

use anyhow::{Error, bail};

/// An operating system and an architecture, such as `linux_amd64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Platform {
    os: String,
    architecture: String,
}

impl Platform {
    /// Returns the file name of a program.
    pub(crate) fn program(&self, name: &str) -> String {
        match self.os.as_str() {
            "windows" => format!("{name}.exe"),
            _ => name.to_owned(),
        }
    }

    /// Whether programs hold their own C library.
    pub(crate) fn is_static(&self) -> bool {
        self.os == "linux"
    }
}

impl FromStr for Platform {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = |(os, architecture): &(&str, &str)| {
            ["linux", "darwin", "windows"].contains(os) && ["amd64", "arm64"].contains(architecture)
        };
        let Some((os, architecture)) = text.split_once('_').filter(known) else {
            bail!("platform: got {text:?}, want one such as linux_amd64");
        };
        Ok(Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
        })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.os, self.architecture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_those_of_terraform() {
        let linux: Platform = "linux_arm64".parse().unwrap();
        assert_eq!(linux.to_string(), "linux_arm64");
        assert_eq!(linux.program("soci"), "soci");
        assert!(linux.is_static());
        let windows: Platform = "windows_amd64".parse().unwrap();
        assert_eq!(windows.program("soci"), "soci.exe");
        assert!(!windows.is_static());
        for wrong in ["linux", "linux_x86_64", "linux_amd64_", "macos_arm64", ""] {
            assert!(wrong.parse::<Platform>().is_err(), "{wrong}");
        }
    }
}
