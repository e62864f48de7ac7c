//! Serving within this process.

use async_trait::async_trait;

use super::*;
use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::resource::Resource;
use crate::schema::Schema;
use crate::value::Value;

/// Upper bound for every wait, even on a busy machine.
const LONG: Duration = Duration::from_secs(60);

struct Empty;

#[async_trait]
impl Provider for Empty {
    type Data = ();

    fn name(&self) -> &str {
        "empty"
    }

    fn address(&self) -> String {
        "registry.terraform.io/example/empty".to_owned()
    }

    fn schema(&self) -> Schema {
        Schema::new()
    }

    async fn configure(&self, _: &Context<()>, _: Value) -> Result<(), Diagnostics> {
        Ok(())
    }

    fn resources(&self) -> Vec<Box<dyn Resource<()>>> {
        Vec::new()
    }
}

#[tokio::test]
async fn a_host_that_never_connects_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host {
        socket_dir: Some(folder.path().to_owned()),
        ports: (10_000, 25_000),
        ..Host::default()
    };
    let (ending, mut line) = (Ending::default(), Vec::new());
    let limit = Duration::from_millis(10);
    let serving = run_until(&ending, Empty, &host, &mut line, limit);
    let ended = tokio::time::timeout(LONG, serving).await;
    ended.expect("in time").expect("no error");
    assert!(line.starts_with(b"1|6|"));
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

/// Connects as soon as the address is announced.
#[cfg(unix)]
struct Connects(Option<std::os::unix::net::UnixStream>);

#[cfg(unix)]
impl io::Write for Connects {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(line).map_err(io::Error::other)?;
        let socket = text.split('|').nth(3).expect("where");
        self.0 = Some(std::os::unix::net::UnixStream::connect(socket)?);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_host_that_connects_is_served_until_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host {
        socket_dir: Some(folder.path().to_owned()),
        ..Host::default()
    };
    let (ending, mut stdout) = (Ending::default(), Connects(None));
    let limit = Duration::from_secs(2);
    let serving = run_until(&ending, Empty, &host, &mut stdout, limit);
    tokio::pin!(serving);
    // Only time can show that something does not happen.
    let early = tokio::time::timeout(limit + Duration::from_secs(1), &mut serving).await;
    assert!(early.is_err(), "{early:?}");
    ending.begin(Duration::ZERO);
    let ended = tokio::time::timeout(LONG, serving).await;
    ended.expect("in time").expect("no error");
}

#[tokio::test]
async fn a_debugger_may_take_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host {
        socket_dir: Some(folder.path().to_owned()),
        ports: (10_000, 25_000),
        ..Host::debug()
    };
    let ending = Ending::default();
    let serving = run_until(&ending, Empty, &host, io::sink(), Duration::ZERO);
    let early = tokio::time::timeout(Duration::from_millis(100), serving).await;
    assert!(early.is_err(), "{early:?}");
}

/// Forwards the handshake.
#[cfg(unix)]
struct Announces(Option<oneshot::Sender<String>>);

#[cfg(unix)]
impl io::Write for Announces {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(sender) = self.0.take() {
            let _ = sender.send(String::from_utf8_lossy(line).into_owned());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
#[tokio::test]
async fn go_plugin_finds_its_services() {
    use tonic::Code;

    use crate::proto::health::HealthCheckRequest;
    use crate::proto::health::health_check_response::ServingStatus;
    use crate::proto::health::health_client::HealthClient;
    use crate::proto::plugin::grpc_broker_client::GrpcBrokerClient;
    use crate::proto::plugin::grpc_stdio_client::GrpcStdioClient;
    use crate::testing::Connection;

    let folder = tempfile::tempdir().unwrap();
    let host = Host {
        socket_dir: Some(folder.path().to_owned()),
        ..Host::default()
    };
    let (sender, line) = oneshot::channel();
    let serving = tokio::spawn(async move {
        let ending = Ending::default();
        run_until(&ending, Empty, &host, Announces(Some(sender)), LONG).await
    });
    let line = line.await.unwrap();
    let socket = line.split('|').nth(3).unwrap();
    let connection = Connection::plain("unix", socket).await.unwrap();

    let mut health = HealthClient::new(connection.channel());
    let ask = |service: &str| HealthCheckRequest {
        service: service.to_owned(),
    };
    let answer = health.check(ask("plugin")).await.unwrap();
    assert_eq!(answer.get_ref().status(), ServingStatus::Serving);
    let unknown = health.check(ask("nothing")).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let mut watch = health.watch(ask("plugin")).await.unwrap().into_inner();
    let first = watch.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);

    // Both stay open until the end, and do not delay it.
    let mut stdio = GrpcStdioClient::new(connection.channel());
    let mut output = stdio.stream_stdio(()).await.unwrap().into_inner();
    let mut broker = GrpcBrokerClient::new(connection.channel());
    let offers = broker.start_stream(stream::pending()).await;
    let mut offers = offers.unwrap().into_inner();
    let open = tokio::spawn(async move { (output.message().await, offers.message().await) });
    assert!(!open.is_finished());
    // The response and the end of the connection race.
    let _ = connection.request_shutdown().await;
    let ended = tokio::time::timeout(LONG, serving).await;
    ended
        .expect("in time")
        .expect("no panic")
        .expect("no error");
    let (output, offers) = open.await.expect("no panic");
    assert!(!matches!(output, Ok(Some(_))) && !matches!(offers, Ok(Some(_))));
}
