//! Managed resources.

use async_trait::async_trait;

use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::plan::Plan;
use crate::schema::Schema;
use crate::value::{Value, ValueError};

/// Request for [`Resource::create`].
#[derive(Debug)]
pub struct Create {
    /// The configuration as written. Attributes that it does not set are null.
    pub config: Value,
    /// The planned state, with defaults filled in and unknown values where the
    /// create decides.
    pub planned: Value,
}

/// Request for [`Resource::update`].
#[derive(Debug)]
pub struct Update {
    /// The configuration as written. Attributes that it does not set are null.
    pub config: Value,
    /// The prior state.
    pub prior: Value,
    /// The planned state.
    pub planned: Value,
}

/// A failed change, and the state it left behind.
///
/// Converts from a [`Diagnostic`], [`Diagnostics`] or [`ValueError`] with `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub(crate) diagnostics: Diagnostics,
    pub(crate) state: Option<Value>,
}

impl Failure {
    /// Sets the state of what exists now. Unknown values in it become null.
    ///
    /// Without a state, a failed create leaves nothing behind, and a failed
    /// update or delete keeps the prior state.
    #[must_use]
    pub fn with_state(mut self, state: Value) -> Self {
        self.state = Some(state);
        self
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self {
            diagnostics,
            state: None,
        }
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Diagnostics::from(diagnostic).into()
    }
}

impl From<ValueError> for Failure {
    fn from(error: ValueError) -> Self {
        Diagnostics::from(error).into()
    }
}

/// A managed resource, which Terraform creates, reads, updates and deletes.
///
/// `D` is the provider's data. A panic in a method becomes an error; the
/// process continues.
#[async_trait]
pub trait Resource<D: Send + Sync + 'static>: Send + Sync + 'static {
    /// Returns the full name of the type, such as `soci_index`.
    fn type_name(&self) -> &str;

    /// Returns the schema, which must be the same for every call.
    fn schema(&self) -> Schema;

    /// Checks combinations of attributes. Must accept unknown values. Runs
    /// after the checks of the schema, even if those found errors.
    fn validate(&self, config: &Value) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Refines the plan of a create or update; see [`Plan`]. Also runs if
    /// nothing changes. For a delete, [`plan_destroy`](Self::plan_destroy) runs
    /// instead.
    async fn modify_plan(&self, cx: &Context<D>, plan: &mut Plan) -> Result<(), Diagnostics> {
        let _ = (cx, plan);
        Ok(())
    }

    /// Reports warnings or errors before a delete.
    async fn plan_destroy(&self, cx: &Context<D>, state: &Value) -> Result<(), Diagnostics> {
        let _ = (cx, state);
        Ok(())
    }

    /// Creates the resource and returns its state, which must contain no
    /// unknown values and keep all known planned values.
    async fn create(&self, cx: &Context<D>, request: Create) -> Result<Value, Failure>;

    /// Refreshes the state. `None` means that the resource is definitely gone.
    /// If in doubt, return an error, which keeps the state. After an import,
    /// the state has only the attributes that
    /// [`import_state`](Self::import_state) returned.
    async fn read(&self, cx: &Context<D>, state: Value) -> Result<Option<Value>, Diagnostics>;

    /// Updates the resource and returns its new state, under the same rules as
    /// for a create. Not needed if every argument requires replacement or is
    /// [inert](crate::Attribute::inert), as `timeouts` is.
    async fn update(&self, cx: &Context<D>, request: Update) -> Result<Value, Failure> {
        let _ = (cx, request);
        let detail = format!(
            "{} was to be updated in place, which it cannot.",
            self.type_name()
        );
        Err(Diagnostic::bug(detail).into())
    }

    /// Deletes the resource. Succeeds if it is already gone.
    async fn delete(&self, cx: &Context<D>, state: Value) -> Result<(), Failure>;

    /// Converts an import ID to a state that is sufficient for
    /// [`read`](Self::read), which Terraform calls next. Other attributes may
    /// be omitted.
    async fn import_state(&self, cx: &Context<D>, id: &str) -> Result<Value, Diagnostics> {
        let _ = (cx, id);
        let detail = format!("Resources of type {} cannot be imported.", self.type_name());
        Err(Diagnostic::error("Import not supported", detail).into())
    }

    /// Converts an [identity](Schema::identity) to such a state. `state` has
    /// the attributes of the identity, with defaults, which is often
    /// sufficient.
    async fn import_identity(&self, cx: &Context<D>, state: Value) -> Result<Value, Diagnostics> {
        let _ = cx;
        Ok(state)
    }

    /// Upgrades a state that was stored with an older version of the schema.
    /// The default implementation keeps the attributes of the current schema,
    /// which is sufficient if attributes were only added or removed.
    ///
    /// `state` is the stored JSON, which [`Value::from_old_state`] reads with
    /// the schema type of that version. Attributes missing from the result get
    /// the schema's defaults, so a new attribute does not change existing
    /// resources. Nulls are kept.
    async fn upgrade_state(
        &self,
        cx: &Context<()>,
        version: i64,
        state: &str,
    ) -> Result<Value, Diagnostics> {
        let _ = (cx, version);
        Ok(Value::from_old_state(state, &self.schema().ty())?)
    }
}
