//! The provider process, from handshake to exit.
//!
//! Terraform starts a provider through go-plugin: it sets a magic cookie in the environment, reads
//! one line from standard output that says where to connect, and connects there with gRPC. Nothing
//! else may be written to standard output. At the end, it calls `Shutdown`, and kills the process
//! two seconds later.

mod connection;
mod debug;
mod go_plugin;
mod handshake;
mod host;
mod listener;
mod panics;
mod signals;
mod tls;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{future, stream};
use tokio::sync::oneshot;
use tonic::transport::server::Router;

use crate::logging;
use crate::proto::health::health_server::HealthServer;
use crate::proto::plugin::grpc_broker_server::GrpcBrokerServer;
use crate::proto::plugin::grpc_controller_server::GrpcControllerServer;
use crate::proto::plugin::grpc_stdio_server::GrpcStdioServer;
use crate::proto::tfplugin6::provider_server::ProviderServer;
use crate::protocol::MESSAGE_LIMIT;
use crate::provider::Provider;
use crate::server::Server;
use crate::server::service::Service;

use connection::Connections;
use host::Host;
use listener::Listener;
use signals::{Ending, PATIENCE};

/// Serves a provider with the defaults of [`Serve`].
pub fn serve<P: Provider>(provider: P) -> ExitCode {
    Serve::new(provider).run()
}

/// Serves a provider to Terraform. This is all that a provider's `main` has to do.
///
/// ```no_run
/// # use tfplugin_sdk::{async_trait, Context, Diagnostics, Provider, Resource, Schema, Value};
/// # struct MyCloud;
/// # #[async_trait]
/// # impl Provider for MyCloud {
/// #     type Data = ();
/// #     fn name(&self) -> &str { "mycloud" }
/// #     fn address(&self) -> String { "registry.terraform.io/example/mycloud".to_owned() }
/// #     fn schema(&self) -> Schema { Schema::new() }
/// #     async fn configure(&self, _: &Context<()>, _: Value) -> Result<(), Diagnostics> { Ok(()) }
/// #     fn resources(&self) -> Vec<Box<dyn Resource<()>>> { Vec::new() }
/// # }
/// fn main() -> std::process::ExitCode {
///     tfplugin_sdk::Serve::new(MyCloud).log_target("mycloud_client").run()
/// }
/// ```
///
/// With the argument `-debug`, the process runs stand-alone, for use with a debugger, and prints
/// the `TF_REATTACH_PROVIDERS` that lets Terraform find it.
#[derive(Debug)]
pub struct Serve<P> {
    provider: P,
    log_targets: Vec<String>,
}

impl<P: Provider> Serve<P> {
    /// Creates a server for the provider.
    pub fn new(provider: P) -> Self {
        let own = format!("terraform_provider_{}", provider.name().replace('-', "_"));
        Self {
            provider,
            log_targets: vec![env!("CARGO_CRATE_NAME").to_owned(), own],
        }
    }

    /// Adds a crate, named as in code, that logs at the level set by `TF_LOG`. By default, only
    /// this crate and `terraform_provider_<name>` do. All others log only warnings and errors,
    /// because they may print secrets.
    #[must_use]
    pub fn log_target(mut self, target: impl Into<String>) -> Self {
        self.log_targets.push(target.into());
        self
    }

    /// Serves until Terraform or a signal ends the process.
    pub fn run(self) -> ExitCode {
        let debug = std::env::args()
            .skip(1)
            .any(|a| a == "-debug" || a == "--debug");
        let host = if debug {
            Host::debug()
        } else {
            match Host::from_env() {
                Ok(host) => host,
                Err(refusal) => {
                    let text = refusal.text(self.provider.name());
                    let _ = writeln!(io::stderr(), "{text}");
                    return ExitCode::FAILURE;
                }
            }
        };
        logging::init(self.provider.name(), &self.log_targets);
        panics::report_to_terraform();

        let runtime = match tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
        {
            Ok(runtime) => runtime,
            Err(e) => return failed(&e),
        };
        let result = runtime.block_on(run(self.provider, &host));
        // Does not wait again for work that did not finish in time.
        runtime.shutdown_background();
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(e) => failed(&e),
        }
    }
}

fn failed(error: &io::Error) -> ExitCode {
    let _ = writeln!(io::stderr(), "the provider cannot be served: {error}");
    ExitCode::FAILURE
}

async fn run<P: Provider>(provider: P, host: &Host) -> io::Result<()> {
    let ending = Ending::default();
    // Set up before the host connects: an interrupt must never have its default effect.
    signals::watch(&ending, host.debug)?;
    run_until(&ending, provider, host, io::stdout(), FIRST_CONNECTION).await
}

/// Announces the provider and serves it. Gives up if the host does not connect within `limit`.
async fn run_until<P: Provider>(
    ending: &Ending,
    provider: P,
    host: &Host,
    mut stdout: impl io::Write,
    limit: Duration,
) -> io::Result<()> {
    let address = provider.address();
    let (tls, certificate) = match &host.client_certificate {
        None => (None, None),
        Some(client) => {
            let (acceptor, certificate) = tls::pinned(client.clone())?;
            (Some(acceptor), Some(certificate))
        }
    };
    // Held here rather than in a task, so that it is removed before the process exits.
    let (listener, _remains) = Listener::bind(host)?;
    let announcement = if host.debug {
        debug::announcement(&address, &listener.address())
    } else {
        handshake::line(&listener.address(), certificate.as_ref())
    };
    let server = Server::new(provider);
    let router = router(&server, ending, host.debug);

    let mut connections = Connections::accept(listener, tls);
    let (connected, first) = oneshot::channel();
    let mut connected = Some(connected);
    let incoming = stream::poll_fn(move |cx| {
        let next = connections.poll_next(cx);
        if next.is_ready()
            && let Some(connected) = connected.take()
        {
            let _ = connected.send(());
        }
        next
    });
    stdout.write_all(announcement.as_bytes())?;
    stdout.flush()?;

    let serving = router.serve_with_incoming_shutdown(incoming, ending.began());
    tokio::pin!(serving);
    tokio::select! {
        result = &mut serving => return result.map_err(io::Error::other),
        () = ending.began() => {}
        () = nobody(first, limit), if !host.debug => {
            tracing::warn!("no host has connected");
            ending.begin(PATIENCE);
        }
    }
    server.stop_calls();
    let finished = async {
        let result = serving.await;
        server.finish().await;
        result.map_err(io::Error::other)
    };
    match tokio::time::timeout(ending.patience(), finished).await {
        Ok(result) => result,
        Err(_) => {
            tracing::warn!("calls were still running at the end");
            Ok(())
        }
    }
}

/// Completes if no connection arrived within `limit`.
async fn nobody(first: oneshot::Receiver<()>, limit: Duration) {
    if tokio::time::timeout(limit, first).await.is_ok() {
        future::pending::<()>().await;
    }
}

fn router<P: Provider>(server: &Arc<Server<P>>, ending: &Ending, debug: bool) -> Router {
    let provider = ProviderServer::new(Service(Arc::clone(server)))
        .max_decoding_message_size(MESSAGE_LIMIT)
        .max_encoding_message_size(MESSAGE_LIMIT);
    tonic::transport::Server::builder()
        .add_service(provider)
        .add_service(GrpcControllerServer::new(go_plugin::Controller {
            ending: ending.clone(),
            // Only the user with the debugger ends this process.
            ignore: debug,
        }))
        .add_service(GrpcBrokerServer::new(go_plugin::Broker(ending.clone())))
        .add_service(GrpcStdioServer::new(go_plugin::Stdio(ending.clone())))
        .add_service(HealthServer::new(go_plugin::Health(ending.clone())))
}

/// Time limit for the host to connect. It connects immediately, unless it died first, perhaps even
/// before it could be watched.
const FIRST_CONNECTION: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
