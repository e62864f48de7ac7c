//! A loopback port that is served with one thread per connection.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;

/// Time after which a silent peer is considered gone.
pub(super) const IDLE: Duration = Duration::from_secs(60);

/// Accepts connections until it is dropped. Open connections continue.
pub(super) struct Listener {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens on a free port and runs `serve` for each connection. Errors are ignored, because
    /// clients may hang up at any time.
    pub(super) fn start(
        serve: impl Fn(TcpStream) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let ended = Arc::new(AtomicBool::new(false));
        let (serve, stop) = (Arc::new(serve), Arc::clone(&ended));
        let acceptor = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let serve = Arc::clone(&serve);
                std::thread::spawn(move || {
                    stream.set_read_timeout(Some(IDLE)).ok();
                    stream.set_write_timeout(Some(IDLE)).ok();
                    serve(stream).ok();
                });
            }
        });
        Ok(Self {
            address,
            ended,
            acceptor: Some(acceptor),
        })
    }

    /// Returns the address it listens on.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the acceptor.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}
