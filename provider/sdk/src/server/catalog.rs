//! Everything that a provider offers, queried once.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::codec;
use crate::action::Action;
use crate::data_source::DataSource;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::function::{Function, Signature};
use crate::list::ListResource;
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::resource::Resource;
use crate::schema::Schema;
use crate::types::Type;
use crate::value::Value;

/// A resource, data source or similar item, with its schema.
pub(super) struct Entry<T: ?Sized> {
    pub(super) schema: Arc<Schema>,
    pub(super) ty: Type,
    pub(super) item: Box<T>,
}

impl<T: ?Sized> Entry<T> {
    fn new(item: Box<T>, schema: Schema) -> Arc<Self> {
        Arc::new(Self {
            item,
            ty: schema.ty(),
            schema: Arc::new(schema),
        })
    }

    /// Decodes a value of the schema. An absent value is null.
    pub(super) fn decode(&self, value: Option<&proto::DynamicValue>) -> Result<Value, Diagnostics> {
        codec::decode(value, &self.ty)
    }
}

/// All entries of one kind, by name.
pub(super) struct Entries<T: ?Sized> {
    /// Noun for use in messages.
    kind: &'static str,
    entries: BTreeMap<String, Arc<Entry<T>>>,
}

impl<T: ?Sized> Entries<T> {
    fn new(kind: &'static str) -> Self {
        Self {
            kind,
            entries: BTreeMap::new(),
        }
    }

    /// Adds an entry and checks it. Terraform finds a type's provider by the
    /// `prefix` of the type's name.
    fn add(&mut self, name: &str, item: Box<T>, schema: Schema, prefix: &str) -> Diagnostics {
        let mut problems = schema.check(name);
        if !name.starts_with(prefix) {
            let detail = format!("The type name {name} does not start with {prefix}.");
            problems.push(Diagnostic::bug(detail));
        }
        let entry = Entry::new(item, schema);
        if self.entries.insert(name.to_owned(), entry).is_some() {
            problems.push(duplicate(self.kind, name));
        }
        problems
    }

    /// Returns the entry with that name, or an error.
    pub(super) fn find(&self, name: &str) -> Result<&Arc<Entry<T>>, Diagnostics> {
        self.entries.get(name).ok_or_else(|| {
            let kind = self.kind;
            let detail = format!("This version of the provider has no {kind} {name}.");
            Diagnostic::error(format!("Unknown {kind}"), detail).into()
        })
    }

    /// Iterates over all entries, sorted by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Arc<Entry<T>>)> {
        self.entries.iter()
    }

    /// Collects all schemas in a given protocol format.
    pub(super) fn schemas<S, C: FromIterator<(String, S)>>(
        &self,
        form: impl Fn(&Schema) -> S,
    ) -> C {
        let schemas = self.iter();
        schemas
            .map(|(name, entry)| (name.clone(), form(&entry.schema)))
            .collect()
    }

    /// Collects all names in a given protocol format.
    pub(super) fn names<N>(&self, form: impl Fn(String) -> N) -> Vec<N> {
        self.entries.keys().cloned().map(form).collect()
    }
}

fn duplicate(kind: &str, name: &str) -> Diagnostic {
    Diagnostic::bug(format!("The {kind} {name} is declared twice."))
}

/// Everything that a provider offers, and the mistakes in it.
pub(super) struct Catalog<P: Provider> {
    pub(super) provider: Arc<Entry<P>>,
    pub(super) resources: Entries<dyn Resource<P::Data>>,
    pub(super) data_sources: Entries<dyn DataSource<P::Data>>,
    pub(super) list_resources: Entries<dyn ListResource<P::Data>>,
    pub(super) actions: Entries<dyn Action<P::Data>>,
    pub(super) functions: BTreeMap<String, (Arc<dyn Function>, Signature)>,
    pub(super) problems: Diagnostics,
}

impl<P: Provider> Catalog<P> {
    pub(super) fn of(provider: P) -> Self {
        let schema = provider.schema();
        let mut problems = schema.check("the provider");
        let prefix = format!("{}_", provider.name());

        let mut resources = Entries::new("resource type");
        for item in provider.resources() {
            let (name, schema) = (item.type_name().to_owned(), item.schema());
            problems.extend(resources.add(&name, item, schema, &prefix));
        }
        let mut data_sources = Entries::new("data source");
        for item in provider.data_sources() {
            let (name, schema) = (item.type_name().to_owned(), item.schema());
            problems.extend(data_sources.add(&name, item, schema, &prefix));
        }
        let mut list_resources = Entries::new("list resource");
        for item in provider.list_resources() {
            let (name, schema) = (item.type_name().to_owned(), item.schema());
            problems.extend(list_resources.add(&name, item, schema, &prefix));
            let listed = resources.entries.get(&name);
            if listed.is_none_or(|listed| listed.schema.identity_type().is_none()) {
                let detail = format!(
                    "The list resource {name} is of no resource type that has an identity."
                );
                problems.push(Diagnostic::bug(detail));
            }
        }
        let mut actions = Entries::new("action");
        for item in provider.actions() {
            let (name, schema) = (item.type_name().to_owned(), item.schema());
            problems.extend(actions.add(&name, item, schema, &prefix));
        }
        let mut functions = BTreeMap::new();
        for function in provider.functions() {
            let (name, signature) = (function.name().to_owned(), function.signature());
            let entry = (Arc::from(function), signature);
            if functions.insert(name.clone(), entry).is_some() {
                problems.push(duplicate("function", &name));
            }
        }
        Self {
            provider: Entry::new(Box::new(provider), schema),
            resources,
            data_sources,
            list_resources,
            actions,
            functions,
            problems,
        }
    }
}
