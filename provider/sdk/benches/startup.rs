//! How long a provider takes from its start to the answer that Terraform asks for first, its
//! schemas: the process, the certificates, the handshake, the mTLS connection, the call.
//!
//! `cargo bench --bench startup -- PROGRAM` measures any provider; without one, the example.

#[cfg(unix)]
#[path = "../tests/integration/plugin.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod plugin;
#[cfg(unix)]
#[path = "../tests/integration/process.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod process;

#[cfg(unix)]
mod startup {
    use std::path::PathBuf;
    use std::process::ExitCode;
    use std::time::{Duration, Instant};

    use tfplugin_sdk::proto::tfplugin6::get_provider_schema::Request;
    use tfplugin_sdk::proto::tfplugin6::provider_client::ProviderClient;

    use crate::plugin::Plugin;
    use crate::process::notes;

    const RUNS: usize = 30;
    const TARGET: Duration = Duration::from_millis(50);

    pub(crate) fn run() -> ExitCode {
        // Cargo adds `--bench`.
        let named = std::env::args_os().skip(1).find(|a| a != "--bench");
        let program = named.map_or_else(|| notes().to_owned(), PathBuf::from);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        // One run that does not count: afterwards the program is in the page cache.
        runtime.block_on(measure(&program));
        let mut times: Vec<_> = (0..RUNS)
            .map(|_| runtime.block_on(measure(&program)))
            .collect();
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

    /// From the start to the schemas, and to the handshake.
    async fn measure(program: &std::path::Path) -> (Duration, Duration) {
        let start = Instant::now();
        let plugin = Plugin::start_program(program).await;
        let handshake = start.elapsed();
        let mut client =
            ProviderClient::new(plugin.channel().await).max_decoding_message_size(256 << 20);
        let answer = client.get_provider_schema(Request {}).await;
        let answer = answer.expect("the schemas").into_inner();
        assert!(!answer.resource_schemas.is_empty(), "no resource at all");
        let whole = start.elapsed();
        plugin.shut_down().await;
        (whole, handshake)
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
