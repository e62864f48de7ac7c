//! Packs the functions: `bundle shipped|debug OUTPUT GLIBC ARCHITECTURE=DIRECTORY...`.

use std::path::PathBuf;
use std::process::ExitCode;

use lambda::bundle::Build;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [build, output, glibc, built @ ..] = &arguments[..] else {
        return usage();
    };
    let build = match build.as_str() {
        "shipped" => Build::Shipped,
        "debug" => Build::Debug,
        _ => return usage(),
    };
    let output = PathBuf::from(output);
    let built = built.iter().map(|pair| {
        let (architecture, directory) = pair.split_once('=')?;
        Some((architecture.to_owned(), PathBuf::from(directory)))
    });
    let built = match built.collect::<Option<Vec<_>>>() {
        Some(built) if !built.is_empty() => built,
        _ => return usage(),
    };
    match lambda::bundle::pack(&output, build, glibc, &built) {
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
    eprintln!("usage: bundle shipped|debug OUTPUT GLIBC ARCHITECTURE=DIRECTORY...");
    ExitCode::from(2)
}
