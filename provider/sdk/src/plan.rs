//! Plans of resources.
//!
//! Terraform sends the configuration, the prior state and a proposal, which is
//! the configuration with the prior values of computed attributes that it does
//! not set. From these, the framework derives the planned state:
//!
//! 1. Attributes that the configuration does not set get their defaults.
//! 2. If only inert attributes differ from the prior state, computed attributes
//!    keep their values.
//! 3. Otherwise, computed attributes become unknown, except those that the
//!    schema marks as kept by updates.
//! 4. The resource may refine the result; see
//!    [`Resource::modify_plan`](crate::Resource::modify_plan).
//! 5. Attributes that now differ and are marked accordingly in the schema
//!    replace the resource.
//!
//! Terraform verifies that the plan keeps the values set in the configuration,
//! and later that the apply returns all known planned values.

mod object;

use std::sync::Arc;

use crate::path::AttributePath;
use crate::schema::Schema;
use crate::value::Value;

use object::{Object, find_replaced, mark_unknown, set_defaults, set_missing};

/// A plan for a create or update, after the rules of the schema have been
/// applied.
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

    /// Returns whether a resource is created, including as the second part of a
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

    /// Returns whether an apply would change anything, even if only in the
    /// state.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.planned != self.prior
    }

    /// Plans a value for an attribute at the root. The attribute must be
    /// computed and not set in the configuration, otherwise Terraform rejects
    /// the plan. The apply must return exactly this value.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.planned.set(name, value);
    }

    /// Plans an unknown value, to be determined by the apply.
    pub fn set_unknown(&mut self, name: impl Into<String>) {
        self.planned.set(name, Value::Unknown);
    }

    /// Makes computed attributes unknown, except those that keep their prior
    /// value. Use this for changes that only the resource observes, such as a
    /// tag that has moved, and call it before values are [`set`](Self::set).
    pub fn mark_computed_unknown(&mut self) {
        let root = Object::from(self.schema.root());
        mark_unknown(root, &self.config, &self.prior, &mut self.planned);
    }

    /// Requires replacement of the resource because of this attribute.
    pub fn require_replace(&mut self, path: impl Into<AttributePath>) {
        self.replace.push(path.into());
    }

    /// Applies step 5. Returns the planned state and the attributes that
    /// require replacement.
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

/// Fills the schema's defaults into a stored state that lacks the attributes
/// because it was written by a version of the provider without them. Otherwise,
/// the plan would see them as null and change, or even replace, every resource.
pub(crate) fn fill_missing(schema: &Schema, state: &mut Value) {
    set_missing(schema.root().into(), state);
}

#[cfg(test)]
mod tests;
