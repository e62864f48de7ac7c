//! The socket: a file in a directory that only this user can access, or a
//! loopback port on systems without Unix sockets.

use std::io;

use super::host::Host;

/// Address of the socket, in go-plugin's terms.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) network: &'static str,
    pub(super) place: String,
}

#[cfg(unix)]
mod imp {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;
    use tokio::net::{UnixListener, UnixStream};

    use super::{Address, Host, io};

    pub(in crate::serve) type Socket = UnixStream;

    /// Maximum length of a socket path on the strictest system, in bytes.
    const LONGEST_PATH: usize = 103;

    /// Removes the socket when dropped.
    pub(in crate::serve) type Remains = TempDir;

    pub(in crate::serve) struct Listener {
        socket: UnixListener,
        place: String,
    }

    impl Listener {
        pub(in crate::serve) fn bind(host: &Host) -> io::Result<(Self, Remains)> {
            let parent = host.socket_dir.clone().unwrap_or_else(std::env::temp_dir);
            let folder = tempfile::Builder::new()
                .prefix("tfp")
                .permissions(Permissions::from_mode(0o700))
                .tempdir_in(&parent)?;
            let path = folder.path().join("s");
            let Some(place) = path.to_str().filter(|p| p.len() <= LONGEST_PATH) else {
                let text = format!(
                    "the path of the socket is too long: {}; set TMPDIR to a shorter one",
                    path.display()
                );
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            };
            let listener = Self {
                socket: UnixListener::bind(&path)?,
                place: place.to_owned(),
            };
            Ok((listener, folder))
        }

        pub(in crate::serve) fn address(&self) -> Address {
            Address {
                network: "unix",
                place: self.place.clone(),
            }
        }

        pub(in crate::serve) async fn accept(&self) -> io::Result<Socket> {
            self.socket.accept().await.map(|(socket, _)| socket)
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use std::net::Ipv4Addr;

    use tokio::net::{TcpListener, TcpStream};

    use super::{Address, Host, io};

    pub(in crate::serve) type Socket = TcpStream;

    /// Does nothing: a port leaves nothing behind.
    pub(in crate::serve) struct Remains;

    pub(in crate::serve) struct Listener {
        socket: TcpListener,
        port: u16,
    }

    impl Listener {
        pub(in crate::serve) fn bind(host: &Host) -> io::Result<(Self, Remains)> {
            let (from, to) = host.ports;
            let mut last = io::Error::from(io::ErrorKind::AddrInUse);
            for port in from..=to {
                match std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                    Ok(socket) => {
                        socket.set_nonblocking(true)?;
                        let port = socket.local_addr()?.port();
                        let socket = TcpListener::from_std(socket)?;
                        return Ok((Self { socket, port }, Remains));
                    }
                    Err(e) => last = e,
                }
            }
            Err(last)
        }

        pub(in crate::serve) fn address(&self) -> Address {
            Address {
                network: "tcp",
                place: format!("127.0.0.1:{}", self.port),
            }
        }

        pub(in crate::serve) async fn accept(&self) -> io::Result<Socket> {
            let (socket, _) = self.socket.accept().await?;
            socket.set_nodelay(true)?;
            Ok(socket)
        }
    }
}

pub(super) use imp::{Listener, Socket};
