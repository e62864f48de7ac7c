//! The process without its process: served until told otherwise.

use async_trait::async_trait;

use super::*;
use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::resource::Resource;
use crate::schema::Schema;
use crate::value::Value;

/// Longer than anything here takes, on a busy machine too.
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

/// Connects as soon as it is told where.
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
    // Nothing tells that something does not happen, except the time.
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
