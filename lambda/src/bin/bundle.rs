//! Packs the functions: `bundle OUTPUT GLIBC ARCHITECTURE=DIRECTORY...`.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (output, glibc, built) = match &arguments[..] {
        [output, glibc, built @ ..] if !built.is_empty() => (PathBuf::from(output), glibc, built),
        _ => return usage(),
    };
    let built = built.iter().map(|pair| {
        let (architecture, directory) = pair.split_once('=')?;
        Some((architecture.to_owned(), PathBuf::from(directory)))
    });
    let Some(built) = built.collect::<Option<Vec<_>>>() else {
        return usage();
    };
    match lambda::bundle::pack(&output, glibc, &built) {
        Ok(bundle) => {
            for packed in &bundle.functions {
                println!("bundle: {} {} bytes", packed.file, packed.size);
            }
            println!("bundle: version {} in {}", bundle.version, output.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bundle: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: bundle OUTPUT GLIBC ARCHITECTURE=DIRECTORY...");
    ExitCode::from(2)
}
