//! How long a provider takes from its start to the answer that Terraform asks for first, its
//! schemas: the process, the certificates, the handshake, the mTLS connection, the call.
//!
//! `cargo bench --bench startup -- PROGRAM` measures any provider; without one, the example.

#[cfg(unix)]
#[path = "../tests/integration/notes.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod notes;

#[cfg(unix)]
mod startup {
    use std::path::{Path, PathBuf};
    use std::process::ExitCode;
    use std::time::{Duration, Instant};

    use tfplugin_sdk::testing::{Error, Plugin};

    use crate::notes::program;

    const RUNS: usize = 30;
    const TARGET: Duration = Duration::from_millis(50);

    pub(crate) fn run() -> ExitCode {
        // Cargo adds `--bench`.
        let named = std::env::args_os().skip(1).find(|a| a != "--bench");
        let program = named.map_or_else(|| program().to_owned(), PathBuf::from);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        // One run that does not count: afterwards the program is in the page cache.
        let measured = || {
            runtime
                .block_on(measure(&program))
                .expect("the provider runs")
        };
        measured();
        let mut times: Vec<_> = (0..RUNS).map(|_| measured()).collect();
        times.sort();
        let (fastest, median) = (times[0], times[RUNS / 2]);
        let handshakes: Duration = times.iter().map(|(_, handshake)| *handshake).sum();
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        println!(
            "start-up to the schemas: {:.1} ms (median of {RUNS}; fastest {:.1} ms; handshake \
             {:.1} ms on average; target {} ms)",
            millis(median.0),
            millis(fastest.0),
            millis(handshakes) / RUNS as f64,
            TARGET.as_millis()
        );
        if median.0 > TARGET {
            eprintln!("bench: the start-up is slower than its target");
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }

    /// Measures the time from the start to the schemas, and to the handshake.
    async fn measure(program: &Path) -> Result<(Duration, Duration), Error> {
        let start = Instant::now();
        let plugin = Plugin::start(program).await?;
        let handshake = start.elapsed();
        let provider = plugin.connect().await?.provider().await?;
        let whole = start.elapsed();
        let schemas = provider.schemas();
        assert!(!schemas.resources.is_empty(), "no resource at all");
        plugin.shut_down().await?;
        Ok((whole, handshake))
    }
}

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    startup::run()
}

#[cfg(not(unix))]
fn main() {
    println!("start-up is measured on Unix only");
}
