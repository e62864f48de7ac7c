//! What a provider is asked once it is started: protocol 6, as Terraform speaks it.

use std::path::Path;

use tfplugin_sdk::proto::tfplugin6::provider_client::ProviderClient;
use tfplugin_sdk::proto::tfplugin6::{self as proto};
use tfplugin_sdk::{Type, Value};
use tonic::transport::Channel;

use crate::plugin::Plugin;

/// The resource's type.
pub(crate) fn note() -> Type {
    let heading = Type::object([("line", Type::Number), ("text", Type::String)]);
    Type::object([
        ("path", Type::String),
        ("text", Type::String),
        ("kind", Type::String),
        ("labels", Type::set(Type::String)),
        ("weight", Type::Number),
        ("extra", Type::Dynamic),
        ("fault", Type::String),
        ("id", Type::String),
        ("lines", Type::Number),
        ("headings", Type::list(heading)),
        ("timeouts", Type::object([("create", Type::String)])),
    ])
}

/// A configuration of the resource.
pub(crate) fn config<const N: usize>(attributes: [(&str, Value); N]) -> Value {
    Value::object(attributes)
        .conform(&note())
        .expect("fits the schema")
}

pub(crate) fn pack(value: &Value, ty: &Type) -> proto::DynamicValue {
    proto::DynamicValue {
        msgpack: value.to_msgpack(ty).expect("fits"),
        json: Vec::new(),
    }
}

pub(crate) fn unpack(value: Option<&proto::DynamicValue>, ty: &Type) -> Value {
    Value::from_msgpack(&value.expect("a value").msgpack, ty).expect("fits")
}

/// The summaries of diagnostics, with their paths.
pub(crate) fn found(diagnostics: &[proto::Diagnostic]) -> Vec<(String, String)> {
    use proto::attribute_path::step::Selector;

    let path = |d: &proto::Diagnostic| {
        let steps = d.attribute.iter().flat_map(|p| &p.steps);
        let steps = steps.map(|step| match step.selector.as_ref().expect("a step") {
            Selector::AttributeName(name) | Selector::ElementKeyString(name) => name.clone(),
            Selector::ElementKeyInt(index) => index.to_string(),
        });
        steps.collect::<Vec<_>>().join(".")
    };
    diagnostics
        .iter()
        .map(|d| (path(d), d.summary.clone()))
        .collect()
}

/// The answer to an apply.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) state: Value,
    pub(crate) found: Vec<(String, String)>,
}

/// Protocol 6 with the resource `notes_note`.
#[derive(Clone)]
pub(crate) struct Provider(pub(crate) ProviderClient<Channel>);

impl Provider {
    /// The example provider, configured.
    pub(crate) async fn of(plugin: &Plugin) -> Self {
        Self::configure(plugin.channel().await, plugin.folder.path()).await
    }

    pub(crate) async fn configure(channel: Channel, folder: &Path) -> Self {
        let limit = 256 << 20;
        let client = ProviderClient::new(channel)
            .max_decoding_message_size(limit)
            .max_encoding_message_size(limit);
        let mut provider = Self(client);
        let folder = folder.to_str().expect("UTF-8");
        let ty = Type::object([("folder", Type::String)]);
        let request = proto::configure_provider::Request {
            config: Some(pack(&Value::object([("folder", folder.into())]), &ty)),
            ..Default::default()
        };
        let answer = provider
            .0
            .configure_provider(request)
            .await
            .expect("an answer");
        assert_eq!(found(&answer.get_ref().diagnostics), []);
        provider
    }

    pub(crate) async fn validate(&mut self, config: &Value) -> Vec<(String, String)> {
        let request = proto::validate_resource_config::Request {
            type_name: "notes_note".to_owned(),
            config: Some(pack(config, &note())),
            client_capabilities: None,
        };
        let answer = self
            .0
            .validate_resource_config(request)
            .await
            .expect("an answer");
        found(&answer.get_ref().diagnostics)
    }

    /// Plans as Terraform does, whose proposal has the prior computed values.
    pub(crate) async fn plan(
        &mut self,
        config: &Value,
        prior: &Value,
    ) -> proto::plan_resource_change::Response {
        let mut proposed = config.clone();
        if !config.is_null() {
            for name in ["kind", "id", "lines", "headings"] {
                if config.get(name).is_null() {
                    proposed.set(name, prior.get(name).clone());
                }
            }
        }
        let request = proto::plan_resource_change::Request {
            type_name: "notes_note".to_owned(),
            prior_state: Some(pack(prior, &note())),
            proposed_new_state: Some(pack(&proposed, &note())),
            config: Some(pack(config, &note())),
            ..Default::default()
        };
        let answer = self
            .0
            .plan_resource_change(request)
            .await
            .expect("an answer");
        let answer = answer.into_inner();
        assert_eq!(found(&answer.diagnostics), []);
        answer
    }

    /// Plans and applies.
    pub(crate) async fn apply(&mut self, config: &Value, prior: &Value) -> Applied {
        let plan = self.plan(config, prior).await;
        let request = proto::apply_resource_change::Request {
            type_name: "notes_note".to_owned(),
            prior_state: Some(pack(prior, &note())),
            planned_state: plan.planned_state,
            config: Some(pack(config, &note())),
            planned_private: plan.planned_private,
            ..Default::default()
        };
        let answer = self
            .0
            .apply_resource_change(request)
            .await
            .expect("an answer");
        let answer = answer.into_inner();
        Applied {
            state: unpack(answer.new_state.as_ref(), &note()),
            found: found(&answer.diagnostics),
        }
    }

    pub(crate) async fn read(&mut self, state: &Value) -> Value {
        let request = proto::read_resource::Request {
            type_name: "notes_note".to_owned(),
            current_state: Some(pack(state, &note())),
            ..Default::default()
        };
        let answer = self.0.read_resource(request).await.expect("an answer");
        assert_eq!(found(&answer.get_ref().diagnostics), []);
        unpack(answer.get_ref().new_state.as_ref(), &note())
    }

    pub(crate) async fn stop(&mut self) {
        let request = proto::stop_provider::Request {};
        let answer = self.0.stop_provider(request).await.expect("an answer");
        assert_eq!(answer.get_ref().error, "");
    }
}
