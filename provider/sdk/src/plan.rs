//! Plans of resources.
//!
//! Terraform sends the configuration, the prior state, and a proposal: the
//! configuration, with the prior values of computed attributes that it does not
//! set. From these the framework derives the planned state:
//!
//! 1. attributes that the configuration does not set get their default;
//! 2. if nothing but inert attributes differs from the prior state, computed
//!    attributes keep their values;
//! 3. otherwise computed attributes become unknown, except those that the schema
//!    marks as kept by updates;
//! 4. the resource may refine the result; see
//!    [`Resource::modify_plan`](crate::Resource::modify_plan);
//! 5. attributes that now differ, and that the schema marks so, replace the
//!    resource.
//!
//! Terraform checks the plan, which must keep what the configuration sets, and
//! later the apply, which must keep all known planned values.

mod object;

use std::sync::Arc;

use crate::path::AttributePath;
use crate::schema::Schema;
use crate::value::Value;

use object::{Object, find_replaced, mark_unknown, set_defaults, set_missing};

/// A plan for a create or an update, after the rules of the schema.
#[derive(Debug)]
pub struct Plan {
    schema: Arc<Schema>,
    config: Value,
    prior: Value,
    planned: Value,
    replace: Vec<AttributePath>,
}

impl Plan {
    /// Applies steps 1 to 3.
    pub(crate) fn new(schema: Arc<Schema>, config: Value, prior: Value, proposed: Value) -> Self {
        let mut plan = Self {
            schema,
            config,
            prior,
            planned: proposed,
            replace: Vec::new(),
        };
        let root = Object::from(plan.schema.root());
        set_defaults(root, &plan.config, &mut plan.planned);
        if plan.schema.changes_thing(&plan.prior, &plan.planned) {
            plan.mark_computed_unknown();
        }
        plan
    }

    /// Returns the configuration.
    #[must_use]
    pub fn config(&self) -> &Value {
        &self.config
    }

    /// Returns the prior state; `None` for a create.
    #[must_use]
    pub fn prior(&self) -> Option<&Value> {
        (!self.prior.is_null()).then_some(&self.prior)
    }

    /// Returns the planned state.
    #[must_use]
    pub fn planned(&self) -> &Value {
        &self.planned
    }

    /// Returns whether a resource is created, also as the second part of a
    /// replacement.
    #[must_use]
    pub fn is_create(&self) -> bool {
        self.prior.is_null()
    }

    /// Returns whether an existing resource is updated.
    #[must_use]
    pub fn is_update(&self) -> bool {
        !self.is_create()
    }

    /// Returns whether an apply would change anything, if only in the state.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.planned != self.prior
    }

    /// Plans a value for an attribute of the root. It must be computed and not
    /// set in the configuration, or Terraform refuses the plan, and the apply
    /// must return exactly this value.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.planned.set(name, value);
    }

    /// Plans an unknown value, which the apply determines.
    pub fn set_unknown(&mut self, name: impl Into<String>) {
        self.planned.set(name, Value::Unknown);
    }

    /// Makes computed attributes unknown, except those that keep their prior
    /// value. For changes that only the resource observes, such as a tag that has
    /// moved. Call it before values are [`set`](Self::set).
    pub fn mark_computed_unknown(&mut self) {
        let root = Object::from(self.schema.root());
        mark_unknown(root, &self.config, &self.prior, &mut self.planned);
    }

    /// Replaces the resource because of this attribute.
    pub fn require_replace(&mut self, path: impl Into<AttributePath>) {
        self.replace.push(path.into());
    }

    /// Applies step 5. Returns the planned state, and the attributes that replace
    /// the resource.
    pub(crate) fn finish(mut self) -> (Value, Vec<AttributePath>) {
        if self.prior.is_null() {
            return (self.planned, Vec::new());
        }
        let root = Object::from(self.schema.root());
        find_replaced(
            root,
            &AttributePath::new(),
            &self.config,
            &self.prior,
            &self.planned,
            &mut self.replace,
        );
        self.replace.sort();
        self.replace.dedup();
        (self.planned, self.replace)
    }
}

/// Fills the schema's defaults into a configuration, which is all the planning
/// that a data source needs.
pub(crate) fn with_defaults(schema: &Schema, config: &Value) -> Value {
    let mut filled = config.clone();
    set_defaults(schema.root().into(), config, &mut filled);
    filled
}

/// Fills the schema's defaults into a stored state that lacks the attributes,
/// because a version of the provider without them wrote it. Otherwise the plan
/// would find them null and change, or even replace, every resource.
pub(crate) fn fill_missing(schema: &Schema, state: &mut Value) {
    set_missing(schema.root().into(), state);
}

#[cfg(test)]
mod tests;
