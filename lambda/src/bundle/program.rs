//! Checks from a program's ELF file whether it runs on Lambda.

use object::read::elf::{ElfFile64, FileHeader as _};
use object::{Architecture, LittleEndian, Object as _};

use super::build::Build;

/// Reasons why a program would not run on Lambda, or not well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProgram {
    /// It is not a program for Linux.
    #[error("not a 64-bit ELF program: {0}")]
    Format(String),
    /// It is for another processor architecture.
    #[error("architecture: got {got}, want {want}")]
    Architecture {
        /// The program's architecture.
        got: String,
        /// The expected architecture.
        want: String,
    },
    /// It needs a newer C library than Lambda has.
    #[error("needs {got}, want at most GLIBC_{want}")]
    Glibc {
        /// The symbol version that it needs.
        got: String,
        /// The newest version that Lambda has.
        want: String,
    },
    /// It has not been stripped of its symbols.
    #[error("its symbols are not stripped")]
    Symbols,
    /// It is too large.
    #[error("{got} bytes, want at most {want}")]
    Size {
        /// The program's size in bytes.
        got: usize,
        /// The maximum size in bytes.
        want: usize,
    },
}

/// Checks that a program is for this architecture, needs no newer glibc, is stripped, and is no
/// larger than its build allows.
///
/// # Errors
/// If it fails any of these checks.
pub fn check(
    program: &[u8],
    build: Build,
    architecture: &str,
    glibc: &str,
) -> Result<(), InvalidProgram> {
    let format = |error: object::Error| InvalidProgram::Format(error.to_string());
    let elf = ElfFile64::<LittleEndian>::parse(program).map_err(format)?;
    let got = match elf.architecture() {
        Architecture::X86_64 => "x86_64".to_owned(),
        Architecture::Aarch64 => "arm64".to_owned(),
        other => format!("{other:?}"),
    };
    if got != architecture {
        return Err(InvalidProgram::Architecture {
            got,
            want: architecture.to_owned(),
        });
    }
    for needed in symbol_versions(&elf, program).map_err(format)? {
        if let Some(version) = needed.strip_prefix("GLIBC_")
            && numbers(version) > numbers(glibc)
        {
            return Err(InvalidProgram::Glibc {
                got: needed,
                want: glibc.to_owned(),
            });
        }
    }
    if elf.symbol_table().is_some() || elf.section_by_name(".debug_info").is_some() {
        return Err(InvalidProgram::Symbols);
    }
    let (got, want) = (program.len(), build.max_size());
    if got > want {
        return Err(InvalidProgram::Size { got, want });
    }
    Ok(())
}

/// Returns the symbol versions that a program needs from its shared libraries.
fn symbol_versions(
    elf: &ElfFile64<'_, LittleEndian>,
    program: &[u8],
) -> object::Result<Vec<String>> {
    let endian = elf.endian();
    let sections = elf.elf_header().sections(endian, program)?;
    let mut versions = Vec::new();
    let Some((mut libraries, strings)) = sections.gnu_verneed(endian, program)? else {
        return Ok(versions);
    };
    let strings = sections.strings(endian, program, strings)?;
    while let Some((_, mut needed)) = libraries.next()? {
        while let Some(version) = needed.next()? {
            let name = version.name(endian, strings)?;
            versions.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    Ok(versions)
}

/// Returns a version such as `2.34` in a comparable form. A part that is not a number, such as
/// `PRIVATE`, is newer than any number.
fn numbers(version: &str) -> Vec<u32> {
    let parts = version.split('.');
    parts.map(|part| part.parse().unwrap_or(u32::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_numbers() {
        assert!(numbers("2.9") < numbers("2.34"));
        assert!(numbers("2.2.5") < numbers("2.34"));
        assert!(numbers("2.34") <= numbers("2.34"));
        assert!(numbers("PRIVATE") > numbers("2.34"));
    }

    #[test]
    fn a_script_is_refused() {
        let error = check(b"#!/bin/sh\n", Build::Shipped, "x86_64", "2.34").unwrap_err();
        assert!(matches!(error, InvalidProgram::Format(_)), "{error}");
    }

    #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
    #[test]
    fn a_test_binary_is_refused() {
        let program = std::env::current_exe().and_then(std::fs::read).unwrap();
        let check =
            |architecture, glibc| check(&program, Build::Debug, architecture, glibc).unwrap_err();
        assert!(matches!(
            check("arm64", "2.99"),
            InvalidProgram::Architecture { .. }
        ));
        let error = check("x86_64", "2.2");
        assert!(matches!(error, InvalidProgram::Glibc { .. }), "{error}");
        assert_eq!(check("x86_64", "2.99"), InvalidProgram::Symbols);
    }
}
