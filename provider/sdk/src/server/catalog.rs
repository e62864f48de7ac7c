//! What a provider offers, asked for once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::data_source::DataSource;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::function::{Function, Signature};
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::resource::Resource;
use crate::schema::Schema;
use crate::types::Type;

/// One resource or data source with its schema.
pub(super) struct Entry<T: ?Sized> {
    pub(super) item: Arc<T>,
    pub(super) schema: Arc<Schema>,
    pub(super) ty: Type,
}

impl<T: ?Sized> Entry<T> {
    fn new(item: Arc<T>, schema: Schema) -> Self {
        Self {
            item,
            ty: schema.ty(),
            schema: Arc::new(schema),
        }
    }
}

/// Everything on offer, by name, and what is wrong with it.
pub(super) struct Catalog<D> {
    pub(super) provider: Schema,
    pub(super) provider_type: Type,
    pub(super) resources: BTreeMap<String, Entry<dyn Resource<D>>>,
    pub(super) data_sources: BTreeMap<String, Entry<dyn DataSource<D>>>,
    pub(super) functions: BTreeMap<String, (Arc<dyn Function>, Signature)>,
    problems: Diagnostics,
}

impl<D: Send + Sync + 'static> Catalog<D> {
    pub(super) fn of<P: Provider<Data = D>>(provider: &P) -> Self {
        let schema = provider.schema();
        let mut catalog = Self {
            problems: schema.check("the provider"),
            provider_type: schema.ty(),
            provider: schema,
            resources: BTreeMap::new(),
            data_sources: BTreeMap::new(),
            functions: BTreeMap::new(),
        };
        let prefix = format!("{}_", provider.name());
        for resource in provider.resources() {
            let (name, schema) = (resource.type_name().to_owned(), resource.schema());
            catalog.problems.extend(schema.check(&name));
            catalog.check_name(&name, &prefix);
            let entry = Entry::new(Arc::from(resource), schema);
            if catalog.resources.insert(name.clone(), entry).is_some() {
                catalog.twice("resource type", &name);
            }
        }
        for source in provider.data_sources() {
            let (name, schema) = (source.type_name().to_owned(), source.schema());
            catalog.problems.extend(schema.check(&name));
            catalog.check_name(&name, &prefix);
            let entry = Entry::new(Arc::from(source), schema);
            if catalog.data_sources.insert(name.clone(), entry).is_some() {
                catalog.twice("data source", &name);
            }
        }
        for function in provider.functions() {
            let (name, signature) = (function.name().to_owned(), function.signature());
            let entry = (Arc::from(function), signature);
            if catalog.functions.insert(name.clone(), entry).is_some() {
                catalog.twice("function", &name);
            }
        }
        catalog
    }

    /// Terraform finds the provider of a type by the part before the first
    /// underscore.
    fn check_name(&mut self, name: &str, prefix: &str) {
        if !name.starts_with(prefix) {
            let detail = format!("The type name {name} does not start with {prefix}.");
            self.problems.push(Diagnostic::bug(detail));
        }
    }

    fn twice(&mut self, what: &str, name: &str) {
        let detail = format!("There are two of {what} {name}.");
        self.problems.push(Diagnostic::bug(detail));
    }

    pub(super) fn resource(&self, name: &str) -> Result<&Entry<dyn Resource<D>>, Diagnostics> {
        let entry = self.resources.get(name);
        entry.ok_or_else(|| missing("resource type", name))
    }

    pub(super) fn data_source(&self, name: &str) -> Result<&Entry<dyn DataSource<D>>, Diagnostics> {
        let entry = self.data_sources.get(name);
        entry.ok_or_else(|| missing("data source", name))
    }

    pub(super) fn metadata(&self) -> proto::get_metadata::Response {
        use proto::get_metadata::{DataSourceMetadata, FunctionMetadata, ResourceMetadata};

        let resources = self.resources.keys().cloned();
        let data_sources = self.data_sources.keys().cloned();
        let functions = self.functions.keys().cloned();
        proto::get_metadata::Response {
            server_capabilities: Some(capabilities()),
            diagnostics: self.problems.to_proto(),
            resources: resources
                .map(|type_name| ResourceMetadata { type_name })
                .collect(),
            data_sources: data_sources
                .map(|type_name| DataSourceMetadata { type_name })
                .collect(),
            functions: functions.map(|name| FunctionMetadata { name }).collect(),
            ..Default::default()
        }
    }

    pub(super) fn schemas(&self) -> proto::get_provider_schema::Response {
        let resources = self.resources.iter();
        let data_sources = self.data_sources.iter();
        proto::get_provider_schema::Response {
            provider: Some(self.provider.to_proto()),
            resource_schemas: resources
                .map(|(k, e)| (k.clone(), e.schema.to_proto()))
                .collect(),
            data_source_schemas: data_sources
                .map(|(k, e)| (k.clone(), e.schema.to_proto()))
                .collect(),
            functions: self.signatures(),
            diagnostics: self.problems.to_proto(),
            server_capabilities: Some(capabilities()),
            ..Default::default()
        }
    }

    pub(super) fn signatures(&self) -> HashMap<String, proto::Function> {
        let functions = self.functions.iter();
        functions
            .map(|(name, (_, signature))| (name.clone(), signature.to_proto()))
            .collect()
    }
}

/// The diagnostics of the catalog are with the schemas.
impl<D: Send + Sync + 'static> Catalog<D> {
    pub(super) fn identities(&self) -> proto::get_resource_identity_schemas::Response {
        let resources = self.resources.iter();
        let identities = resources.filter_map(|(name, entry)| {
            let schema = entry.schema.identity_to_proto()?;
            Some((name.clone(), schema))
        });
        proto::get_resource_identity_schemas::Response {
            identity_schemas: identities.collect(),
            diagnostics: Vec::new(),
        }
    }
}

fn capabilities() -> proto::ServerCapabilities {
    proto::ServerCapabilities {
        plan_destroy: true,
        // Nothing here waits for the schema to be asked for first.
        get_provider_schema_optional: true,
        move_resource_state: false,
        generate_resource_config: false,
    }
}

fn missing(what: &str, name: &str) -> Diagnostics {
    let detail = format!("This version of the provider has no {what} {name}.");
    Diagnostic::error(format!("Unknown {what}"), detail).into()
}
