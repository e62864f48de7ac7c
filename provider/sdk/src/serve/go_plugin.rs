//! Services that go-plugin expects beside Terraform's own.

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

/// Time for calls to finish once the host has asked to shut down; it kills the
/// process two seconds after that.
const PATIENCE_WITH_HOST: Duration = Duration::from_millis(1500);

/// A stream of answers.
type Answers<T> = BoxStream<'static, Result<T, Status>>;

/// Streams these answers, then stays silent until the end.
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
    /// Whether to stay alive nonetheless.
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

/// `GRPCBroker`: further connections, of which none is asked for or offered.
pub(super) struct Broker(pub(super) Ending);

#[tonic::async_trait]
impl grpc_broker_server::GrpcBroker for Broker {
    type StartStreamStream = Answers<ConnInfo>;

    async fn start_stream(
        &self,
        request: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<Self::StartStreamStream>, Status> {
        // The stream ends with the host's side of it, too.
        let host = request
            .into_inner()
            .take_while(|m| future::ready(m.is_ok()));
        let silence = host.filter_map(|_| future::ready(None));
        Ok(Response::new(silence.take_until(self.0.began()).boxed()))
    }
}

/// `GRPCStdio`: output of the plugin. There is none on standard output, and
/// the host reads standard error itself.
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

/// `Health`: serving from the start to the end.
pub(super) struct Health(pub(super) Ending);

/// Services that can be asked about: go-plugin's name for all of them, and the
/// server as a whole.
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
