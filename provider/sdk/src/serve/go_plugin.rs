//! Services that go-plugin expects in addition to Terraform's own.

use std::time::Duration;

use futures_util::future;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use super::signals::Ending;
use crate::proto::health::health_check_response::ServingStatus;
use crate::proto::health::{HealthCheckRequest, HealthCheckResponse, health_server};
use crate::proto::plugin::{
    ConnInfo, Empty, StdioData, grpc_broker_server, grpc_controller_server, grpc_stdio_server,
};

/// Time for calls to finish after the host has requested shutdown. The host
/// kills the process two seconds after the request.
const PATIENCE_WITH_HOST: Duration = Duration::from_millis(1500);

/// A stream of responses.
type Answers<T> = BoxStream<'static, Result<T, Status>>;

/// Streams these responses, then stays silent until the process ends.
fn until_the_end<T: Send + 'static>(first: Vec<T>, ending: &Ending) -> Answers<T> {
    let first = stream::iter(first.into_iter().map(Ok));
    first
        .chain(stream::pending())
        .take_until(ending.began())
        .boxed()
}

/// `GRPCController`: ends the process.
pub(super) struct Controller {
    pub(super) ending: Ending,
    /// Whether to ignore shutdown requests.
    pub(super) ignore: bool,
}

#[tonic::async_trait]
impl grpc_controller_server::GrpcController for Controller {
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        if !self.ignore {
            tracing::debug!("the host asks to shut down");
            self.ending.begin(PATIENCE_WITH_HOST);
        }
        Ok(Response::new(Empty {}))
    }
}

/// `GRPCBroker`: additional connections, none of which are requested or
/// offered.
pub(super) struct Broker(pub(super) Ending);

#[tonic::async_trait]
impl grpc_broker_server::GrpcBroker for Broker {
    type StartStreamStream = Answers<ConnInfo>;

    async fn start_stream(
        &self,
        request: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<Self::StartStreamStream>, Status> {
        // The stream also ends when the host closes its side.
        let host = request
            .into_inner()
            .take_while(|m| future::ready(m.is_ok()));
        let silence = host.filter_map(|_| future::ready(None));
        Ok(Response::new(silence.take_until(self.0.began()).boxed()))
    }
}

/// `GRPCStdio`: output of the plugin. Standard output is unused, and the host
/// reads standard error directly.
pub(super) struct Stdio(pub(super) Ending);

#[tonic::async_trait]
impl grpc_stdio_server::GrpcStdio for Stdio {
    type StreamStdioStream = Answers<StdioData>;

    async fn stream_stdio(
        &self,
        _: Request<()>,
    ) -> Result<Response<Self::StreamStdioStream>, Status> {
        Ok(Response::new(until_the_end(Vec::new(), &self.0)))
    }
}

/// `Health`: reports that the plugin is serving until it ends.
pub(super) struct Health(pub(super) Ending);

/// Services whose health can be checked: go-plugin's name for all of them, and
/// the server as a whole.
const SERVICES: [&str; 2] = ["plugin", ""];

fn status(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}

#[tonic::async_trait]
impl health_server::Health for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if SERVICES.contains(&request.get_ref().service.as_str()) {
            Ok(Response::new(status(ServingStatus::Serving)))
        } else {
            Err(Status::not_found("no such service"))
        }
    }

    type WatchStream = Answers<HealthCheckResponse>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let known = SERVICES.contains(&request.get_ref().service.as_str());
        let now = status(if known {
            ServingStatus::Serving
        } else {
            ServingStatus::ServiceUnknown
        });
        Ok(Response::new(until_the_end(vec![now], &self.0)))
    }
}
