//! Calls to the provider itself.

use super::{Client, answer, pack};
use crate::diagnostic::Diagnostics;
use crate::proto::tfplugin6 as proto;
use crate::testing::answer::Answer;
use crate::testing::error::Error;
use crate::testing::schemas::Metadata;
use crate::value::Value;

impl Client {
    /// Fetches the names of everything that the provider declares.
    pub async fn metadata(&self) -> Result<Metadata, Error> {
        let request = proto::get_metadata::Request {};
        let sent = self.rpc().get_metadata(request).await;
        Metadata::from_proto(answer("GetMetadata", sent)?)
    }

    /// Checks a provider block.
    pub async fn validate_provider(&self, config: &Value) -> Result<Diagnostics, Error> {
        let request = proto::validate_provider_config::Request {
            config: pack(&self.schemas.provider, config)?,
        };
        let sent = self.rpc().validate_provider_config(request).await;
        let sent = answer("ValidateProviderConfig", sent)?;
        Ok(Diagnostics::from_proto(sent.diagnostics))
    }

    /// Configures the provider, as most calls require.
    pub async fn configure(&self, config: &Value) -> Result<Answer<()>, Error> {
        let request = proto::configure_provider::Request {
            config: pack(&self.schemas.provider, config)?,
            ..Default::default()
        };
        let sent = self.rpc().configure_provider(request).await;
        let sent = answer("ConfigureProvider", sent)?;
        Ok(Answer {
            value: (),
            diagnostics: Diagnostics::from_proto(sent.diagnostics),
        })
    }

    /// Asks the provider to cancel the calls in flight, as Terraform does on
    /// Ctrl-C.
    pub async fn stop(&self) -> Result<(), Error> {
        let request = proto::stop_provider::Request {};
        let sent = self.rpc().stop_provider(request).await;
        let sent = answer("StopProvider", sent)?;
        if sent.error.is_empty() {
            return Ok(());
        }
        Err(Error::Rpc {
            rpc: "StopProvider",
            status: sent.error,
        })
    }
}
