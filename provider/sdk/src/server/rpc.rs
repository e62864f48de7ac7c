//! The protocol's service, call by call.

use std::sync::{Arc, PoisonError};

use futures_util::stream::BoxStream;
use tonic::{Request, Response, Status};

use super::call::{collect, take};
use super::{Server, decode, encode, to_proto};
use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::function::FunctionError;
use crate::plan::with_defaults;
use crate::proto::tfplugin6::{self as proto, provider_server};
use crate::provider::Provider;

/// Terraform's service over a provider.
pub(crate) struct Service<P: Provider>(pub(crate) Arc<Server<P>>);

type Answer<T> = Result<Response<T>, Status>;

fn answer<T>(message: T) -> Answer<T> {
    Ok(Response::new(message))
}

/// For calls that Terraform makes only to providers that declare them.
fn undeclared<T>(rpc: &str) -> Answer<T> {
    Err(Status::unimplemented(format!(
        "{rpc} is not declared by this provider"
    )))
}

impl<P: Provider> Server<P> {
    async fn validate_provider(
        self: &Arc<Self>,
        request: proto::validate_provider_config::Request,
    ) -> Vec<proto::Diagnostic> {
        let ty = &self.catalog.provider_type;
        let config = match decode(request.config.as_ref(), ty) {
            Ok(config) => config,
            Err(found) => return to_proto(found, ty),
        };
        let server = Arc::clone(self);
        let work = async move {
            let mut found = server.catalog.provider.validate(&config);
            found.extend(server.provider.validate(&config));
            found
        };
        let outcome = self
            .run("ValidateProviderConfig", "", self.token(), work)
            .await;
        to_proto(outcome.unwrap_or_else(Diagnostics::from), ty)
    }

    async fn configure(
        self: &Arc<Self>,
        request: proto::configure_provider::Request,
    ) -> Vec<proto::Diagnostic> {
        let ty = &self.catalog.provider_type;
        let config = match decode(request.config.as_ref(), ty) {
            Ok(config) => with_defaults(&self.catalog.provider, &config),
            Err(found) => return to_proto(found, ty),
        };
        let token = self.token();
        let cx = Context::new(Arc::new(()), token.clone(), Vec::new());
        let trace = cx.trace();
        let server = Arc::clone(self);
        let work = async move { server.provider.configure(&cx, config).await };
        let outcome = self.run("ConfigureProvider", "", token, work).await;
        let mut found = take(&trace).warnings;
        if let Some(data) = collect(&mut found, outcome) {
            let mut slot = self.data.write().unwrap_or_else(PoisonError::into_inner);
            *slot = Some(Arc::new(data));
        }
        to_proto(found, ty)
    }

    async fn validate_data_source(
        &self,
        request: proto::validate_data_resource_config::Request,
    ) -> Vec<proto::Diagnostic> {
        let entry = match self.catalog.data_source(&request.type_name) {
            Ok(entry) => entry,
            Err(found) => return found.to_proto(),
        };
        let config = match decode(request.config.as_ref(), &entry.ty) {
            Ok(config) => config,
            Err(found) => return to_proto(found, &entry.ty),
        };
        let (schema, item) = (Arc::clone(&entry.schema), Arc::clone(&entry.item));
        let work = async move {
            let mut found = schema.validate(&config);
            found.extend(item.validate(&config));
            found
        };
        let rpc = "ValidateDataResourceConfig";
        let outcome = self.run(rpc, &request.type_name, self.token(), work).await;
        to_proto(outcome.unwrap_or_else(Diagnostics::from), &entry.ty)
    }

    async fn read_data_source(
        &self,
        request: proto::read_data_source::Request,
    ) -> proto::read_data_source::Response {
        let mut response = proto::read_data_source::Response::default();
        let ready = self
            .catalog
            .data_source(&request.type_name)
            .and_then(|entry| {
                let config = decode(request.config.as_ref(), &entry.ty)?;
                Ok((entry, with_defaults(&entry.schema, &config), self.data()?))
            });
        let (entry, config, data) = match ready {
            Ok(ready) => ready,
            Err(found) => {
                response.diagnostics = found.to_proto();
                return response;
            }
        };
        let token = self.token();
        let cx = Context::new(data, token.clone(), Vec::new());
        let trace = cx.trace();
        let item = Arc::clone(&entry.item);
        let work = async move { item.read(&cx, config).await };
        let outcome = self
            .run("ReadDataSource", &request.type_name, token, work)
            .await;
        let mut found = take(&trace).warnings;
        if let Some(state) = collect(&mut found, outcome) {
            match encode(&entry.schema, state) {
                Ok(state) => response.state = Some(state),
                Err(bug) => found.push(bug),
            }
        }
        response.diagnostics = to_proto(found, &entry.ty);
        response
    }

    async fn call_function(
        &self,
        request: proto::call_function::Request,
    ) -> Result<proto::DynamicValue, FunctionError> {
        let Some((function, signature)) = self.catalog.functions.get(&request.name) else {
            return Err(FunctionError::new(
                "this version of the provider has no such function",
            ));
        };
        if !signature.takes(request.arguments.len()) {
            return Err(FunctionError::new("wrong number of arguments"));
        }
        let mut arguments = Vec::new();
        for (index, argument) in request.arguments.iter().enumerate() {
            let ty = signature.argument(index);
            let value = ty.map(|ty| decode(Some(argument), ty));
            match value {
                Some(Ok(value)) => arguments.push(value),
                _ => return Err(FunctionError::new("not of the parameter's type").argument(index)),
            }
        }
        let function = Arc::clone(function);
        let work = async move { function.call(arguments) };
        let outcome = self
            .run("CallFunction", &request.name, self.token(), work)
            .await;
        let result = outcome.unwrap_or_else(|panic| Err(FunctionError::new(panic.detail)))?;
        let msgpack = result.to_msgpack(signature.returns()).map_err(|e| {
            FunctionError::new(format!("the provider's result is of another type: {e}"))
        })?;
        Ok(proto::DynamicValue {
            msgpack,
            json: Vec::new(),
        })
    }
}

#[tonic::async_trait]
impl<P: Provider> provider_server::Provider for Service<P> {
    async fn get_metadata(
        &self,
        _: Request<proto::get_metadata::Request>,
    ) -> Answer<proto::get_metadata::Response> {
        answer(self.0.catalog.metadata())
    }

    async fn get_provider_schema(
        &self,
        _: Request<proto::get_provider_schema::Request>,
    ) -> Answer<proto::get_provider_schema::Response> {
        answer(self.0.catalog.schemas())
    }

    async fn validate_provider_config(
        &self,
        request: Request<proto::validate_provider_config::Request>,
    ) -> Answer<proto::validate_provider_config::Response> {
        let diagnostics = self.0.validate_provider(request.into_inner()).await;
        answer(proto::validate_provider_config::Response { diagnostics })
    }

    async fn validate_resource_config(
        &self,
        request: Request<proto::validate_resource_config::Request>,
    ) -> Answer<proto::validate_resource_config::Response> {
        let diagnostics = self.0.validate_resource(request.into_inner()).await;
        answer(proto::validate_resource_config::Response { diagnostics })
    }

    async fn validate_data_resource_config(
        &self,
        request: Request<proto::validate_data_resource_config::Request>,
    ) -> Answer<proto::validate_data_resource_config::Response> {
        let diagnostics = self.0.validate_data_source(request.into_inner()).await;
        answer(proto::validate_data_resource_config::Response { diagnostics })
    }

    async fn upgrade_resource_state(
        &self,
        request: Request<proto::upgrade_resource_state::Request>,
    ) -> Answer<proto::upgrade_resource_state::Response> {
        answer(self.0.upgrade(request.into_inner()).await)
    }

    async fn get_resource_identity_schemas(
        &self,
        _: Request<proto::get_resource_identity_schemas::Request>,
    ) -> Answer<proto::get_resource_identity_schemas::Response> {
        answer(self.0.catalog.identities())
    }

    async fn upgrade_resource_identity(
        &self,
        request: Request<proto::upgrade_resource_identity::Request>,
    ) -> Answer<proto::upgrade_resource_identity::Response> {
        answer(self.0.upgrade_identity(&request.into_inner()))
    }

    async fn configure_provider(
        &self,
        request: Request<proto::configure_provider::Request>,
    ) -> Answer<proto::configure_provider::Response> {
        let diagnostics = self.0.configure(request.into_inner()).await;
        answer(proto::configure_provider::Response { diagnostics })
    }

    async fn read_resource(
        &self,
        request: Request<proto::read_resource::Request>,
    ) -> Answer<proto::read_resource::Response> {
        answer(self.0.read(request.into_inner()).await)
    }

    async fn plan_resource_change(
        &self,
        request: Request<proto::plan_resource_change::Request>,
    ) -> Answer<proto::plan_resource_change::Response> {
        answer(self.0.plan(request.into_inner()).await)
    }

    async fn apply_resource_change(
        &self,
        request: Request<proto::apply_resource_change::Request>,
    ) -> Answer<proto::apply_resource_change::Response> {
        answer(self.0.apply(request.into_inner()).await)
    }

    async fn import_resource_state(
        &self,
        request: Request<proto::import_resource_state::Request>,
    ) -> Answer<proto::import_resource_state::Response> {
        answer(self.0.import(request.into_inner()).await)
    }

    async fn move_resource_state(
        &self,
        _: Request<proto::move_resource_state::Request>,
    ) -> Answer<proto::move_resource_state::Response> {
        undeclared("MoveResourceState")
    }

    async fn read_data_source(
        &self,
        request: Request<proto::read_data_source::Request>,
    ) -> Answer<proto::read_data_source::Response> {
        answer(self.0.read_data_source(request.into_inner()).await)
    }

    async fn generate_resource_config(
        &self,
        _: Request<proto::generate_resource_config::Request>,
    ) -> Answer<proto::generate_resource_config::Response> {
        undeclared("GenerateResourceConfig")
    }

    async fn validate_ephemeral_resource_config(
        &self,
        _: Request<proto::validate_ephemeral_resource_config::Request>,
    ) -> Answer<proto::validate_ephemeral_resource_config::Response> {
        undeclared("ValidateEphemeralResourceConfig")
    }

    async fn open_ephemeral_resource(
        &self,
        _: Request<proto::open_ephemeral_resource::Request>,
    ) -> Answer<proto::open_ephemeral_resource::Response> {
        undeclared("OpenEphemeralResource")
    }

    async fn renew_ephemeral_resource(
        &self,
        _: Request<proto::renew_ephemeral_resource::Request>,
    ) -> Answer<proto::renew_ephemeral_resource::Response> {
        undeclared("RenewEphemeralResource")
    }

    async fn close_ephemeral_resource(
        &self,
        _: Request<proto::close_ephemeral_resource::Request>,
    ) -> Answer<proto::close_ephemeral_resource::Response> {
        undeclared("CloseEphemeralResource")
    }

    type ListResourceStream = BoxStream<'static, Result<proto::list_resource::Event, Status>>;

    async fn list_resource(
        &self,
        _: Request<proto::list_resource::Request>,
    ) -> Answer<Self::ListResourceStream> {
        undeclared("ListResource")
    }

    async fn validate_list_resource_config(
        &self,
        _: Request<proto::validate_list_resource_config::Request>,
    ) -> Answer<proto::validate_list_resource_config::Response> {
        undeclared("ValidateListResourceConfig")
    }

    async fn get_functions(
        &self,
        _: Request<proto::get_functions::Request>,
    ) -> Answer<proto::get_functions::Response> {
        answer(proto::get_functions::Response {
            functions: self.0.catalog.signatures(),
            diagnostics: Vec::new(),
        })
    }

    async fn call_function(
        &self,
        request: Request<proto::call_function::Request>,
    ) -> Answer<proto::call_function::Response> {
        let response = match self.0.call_function(request.into_inner()).await {
            Ok(result) => proto::call_function::Response {
                result: Some(result),
                error: None,
            },
            Err(error) => proto::call_function::Response {
                result: None,
                error: Some(error.to_proto()),
            },
        };
        answer(response)
    }

    async fn plan_action(
        &self,
        _: Request<proto::plan_action::Request>,
    ) -> Answer<proto::plan_action::Response> {
        undeclared("PlanAction")
    }

    type InvokeActionStream = BoxStream<'static, Result<proto::invoke_action::Event, Status>>;

    async fn invoke_action(
        &self,
        _: Request<proto::invoke_action::Request>,
    ) -> Answer<Self::InvokeActionStream> {
        undeclared("InvokeAction")
    }

    async fn validate_action_config(
        &self,
        _: Request<proto::validate_action_config::Request>,
    ) -> Answer<proto::validate_action_config::Response> {
        undeclared("ValidateActionConfig")
    }

    async fn stop_provider(
        &self,
        _: Request<proto::stop_provider::Request>,
    ) -> Answer<proto::stop_provider::Response> {
        tracing::info!("asked to stop the calls in flight");
        self.0.stop_calls();
        answer(proto::stop_provider::Response::default())
    }
}
