//! A connection to a provider.

use std::io;

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};

use super::client::Client;
use super::error::Error;
use super::process::PATIENCE;
use crate::proto::health::HealthCheckRequest;
use crate::proto::health::health_check_response::ServingStatus;
use crate::proto::health::health_client::HealthClient;
use crate::proto::plugin::Empty;
use crate::proto::plugin::grpc_controller_client::GrpcControllerClient;

/// Address on which a provider listens, in go-plugin's terms.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) network: String,
    pub(super) place: String,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Address {
    async fn connect(&self, tls: Option<TlsConnector>) -> io::Result<TokioIo<Box<dyn Stream>>> {
        let stream: Box<dyn Stream> = match self.network.as_str() {
            #[cfg(unix)]
            "unix" => Box::new(tokio::net::UnixStream::connect(&self.place).await?),
            "tcp" => Box::new(tokio::net::TcpStream::connect(&self.place).await?),
            network => return Err(io::Error::other(format!("network {network:?}: not known"))),
        };
        let Some(tls) = tls else {
            return Ok(TokioIo::new(stream));
        };
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        Ok(TokioIo::new(Box::new(tls.connect(name, stream).await?)))
    }
}

/// A connection to a provider, over which its services can be called.
#[derive(Debug, Clone)]
pub struct Connection {
    channel: Channel,
}

impl Connection {
    /// Connects without TLS, as Terraform does to a provider in debug mode.
    /// `network` is `unix` or `tcp`.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`] if nothing is listening there.
    pub async fn plain(network: &str, address: &str) -> Result<Self, Error> {
        let address = Address {
            network: network.to_owned(),
            place: address.to_owned(),
        };
        Self::open(address, None).await
    }

    pub(super) async fn open(address: Address, tls: Option<TlsConnector>) -> Result<Self, Error> {
        let connector = tower::service_fn(move |_| {
            let (address, tls) = (address.clone(), tls.clone());
            async move { address.connect(tls).await }
        });
        let endpoint = Endpoint::from_static("http://localhost").timeout(PATIENCE);
        let channel = endpoint.connect_with_connector(connector).await;
        let channel = channel.map_err(|e| Error::Connect(e.into()))?;
        Ok(Self { channel })
    }

    #[cfg(test)]
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Fetches the provider's schemas, and returns a client.
    ///
    /// # Errors
    ///
    /// [`Error::Diagnostics`] if the provider reports mistakes in its schemas.
    pub async fn provider(&self) -> Result<Client, Error> {
        Client::new(self.channel.clone()).await
    }

    /// Returns whether a service is serving; `plugin` stands for all of them.
    ///
    /// # Errors
    ///
    /// [`Error::Rpc`] if the provider does not know the service.
    pub async fn is_serving(&self, service: &str) -> Result<bool, Error> {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let answer = HealthClient::new(self.channel.clone()).check(request).await;
        let answer = answer.map_err(|status| Error::Rpc {
            rpc: "Check",
            status: status.to_string(),
        })?;
        Ok(answer.get_ref().status() == ServingStatus::Serving)
    }

    /// Asks the provider to exit, as Terraform does when it is done.
    ///
    /// # Errors
    ///
    /// [`Error::Rpc`], including if the process exits before it has responded.
    pub async fn request_shutdown(&self) -> Result<(), Error> {
        let mut controller = GrpcControllerClient::new(self.channel.clone());
        let answer = controller.shutdown(Empty {}).await;
        answer.map(|_| ()).map_err(|status| Error::Rpc {
            rpc: "Shutdown",
            status: status.to_string(),
        })
    }
}
