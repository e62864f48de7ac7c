//! The provider itself: metadata, schemas, configuration.

use std::sync::{Arc, PoisonError};

use super::Server;
use super::call::Call;
use crate::plan::with_defaults;
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::schema::Schema;

const CAPABILITIES: proto::ServerCapabilities = proto::ServerCapabilities {
    plan_destroy: true,
    // No call here depends on an earlier GetProviderSchema.
    get_provider_schema_optional: true,
    move_resource_state: false,
    generate_resource_config: false,
};

impl<P: Provider> Server<P> {
    pub(super) fn metadata(&self) -> proto::get_metadata::Response {
        use proto::get_metadata::{
            ActionMetadata, DataSourceMetadata, FunctionMetadata, ListResourceMetadata,
            ResourceMetadata,
        };

        let catalog = &self.catalog;
        let functions = catalog.functions.keys().cloned();
        proto::get_metadata::Response {
            server_capabilities: Some(CAPABILITIES),
            diagnostics: catalog.problems.to_proto(),
            resources: catalog
                .resources
                .names(|type_name| ResourceMetadata { type_name }),
            data_sources: catalog
                .data_sources
                .names(|type_name| DataSourceMetadata { type_name }),
            list_resources: catalog
                .list_resources
                .names(|type_name| ListResourceMetadata { type_name }),
            actions: catalog
                .actions
                .names(|type_name| ActionMetadata { type_name }),
            functions: functions.map(|name| FunctionMetadata { name }).collect(),
            ..Default::default()
        }
    }

    pub(super) fn schemas(&self) -> proto::get_provider_schema::Response {
        let catalog = &self.catalog;
        proto::get_provider_schema::Response {
            provider: Some(catalog.provider.schema.to_proto()),
            resource_schemas: catalog.resources.schemas(Schema::to_proto),
            data_source_schemas: catalog.data_sources.schemas(Schema::to_proto),
            list_resource_schemas: catalog.list_resources.schemas(Schema::to_proto),
            action_schemas: catalog.actions.schemas(|schema| proto::ActionSchema {
                schema: Some(schema.to_proto()),
            }),
            functions: self.signatures(),
            diagnostics: catalog.problems.to_proto(),
            server_capabilities: Some(CAPABILITIES),
            ..Default::default()
        }
    }

    pub(super) async fn validate_provider(
        &self,
        request: proto::validate_provider_config::Request,
    ) -> proto::validate_provider_config::Response {
        let call = self.provider("ValidateProviderConfig");
        proto::validate_provider_config::Response {
            diagnostics: call.validate(request.config.as_ref(), P::validate).await,
        }
    }

    pub(super) async fn configure(
        &self,
        request: proto::configure_provider::Request,
    ) -> proto::configure_provider::Response {
        let mut done = self
            .provider("ConfigureProvider")
            .run_unconfigured(
                |entry| {
                    let config = entry.decode(request.config.as_ref())?;
                    Ok(with_defaults(&entry.schema, &config))
                },
                |entry, cx, config| async move { entry.item.configure(&cx, config).await },
            )
            .await;
        if let Some(data) = done.result.take() {
            let mut slot = self.data.write().unwrap_or_else(PoisonError::into_inner);
            *slot = Some(Arc::new(data));
        }
        proto::configure_provider::Response {
            diagnostics: done.into_diagnostics(),
        }
    }

    fn provider(&self, rpc: &'static str) -> Call<'_, P, P> {
        Call {
            server: self,
            rpc,
            type_name: "",
            entry: Ok(&self.catalog.provider),
        }
    }
}
