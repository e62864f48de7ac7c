//! Data sources.

use super::Server;
use super::call::Call;
use crate::data_source::DataSource;
use crate::plan::with_defaults;
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;

impl<P: Provider> Server<P> {
    pub(super) async fn validate_data_source(
        &self,
        request: proto::validate_data_resource_config::Request,
    ) -> proto::validate_data_resource_config::Response {
        let call = self.data_source("ValidateDataResourceConfig", &request.type_name);
        let config = request.config.as_ref();
        let diagnostics = call.validate(config, DataSource::validate);
        proto::validate_data_resource_config::Response {
            diagnostics: diagnostics.await,
        }
    }

    pub(super) async fn read_data_source(
        &self,
        request: proto::read_data_source::Request,
    ) -> proto::read_data_source::Response {
        let mut done = self
            .data_source("ReadDataSource", &request.type_name)
            .run(
                &[],
                |entry| {
                    let config = entry.decode(request.config.as_ref())?;
                    Ok(with_defaults(&entry.schema, &config))
                },
                |entry, cx, config| async move { entry.item.read(&cx, config).await },
            )
            .await;
        let state = done.result.take();
        proto::read_data_source::Response {
            state: state.and_then(|state| done.encode(state)),
            diagnostics: done.into_diagnostics(),
            ..Default::default()
        }
    }

    fn data_source<'s>(
        &'s self,
        rpc: &'static str,
        type_name: &'s str,
    ) -> Call<'s, P, dyn DataSource<P::Data>> {
        Call {
            server: self,
            rpc,
            type_name,
            entry: self.catalog.data_sources.find(type_name),
        }
    }
}
