//! Managed resources.

use async_trait::async_trait;

use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::plan::Plan;
use crate::schema::Schema;
use crate::value::{Value, ValueError};

/// What [`Resource::create`] is to make.
#[derive(Debug)]
pub struct Create {
    /// The configuration as written, unset attributes null.
    pub config: Value,
    /// The planned state: defaults filled in, unknown what is to be found out.
    pub planned: Value,
}

/// What [`Resource::update`] is to change.
#[derive(Debug)]
pub struct Update {
    /// The configuration as written, unset attributes null.
    pub config: Value,
    /// The state before.
    pub prior: Value,
    /// The planned state.
    pub planned: Value,
}

/// A change that failed, and the state it left.
///
/// Made with `?` from a [`Diagnostic`], [`Diagnostics`] or [`ValueError`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub(crate) diagnostics: Diagnostics,
    pub(crate) state: Option<Value>,
}

impl Failure {
    /// The same failure with the state of what exists now. Unknowns in it
    /// become null.
    ///
    /// Without one, a failed create leaves nothing, a failed update or delete
    /// the prior state.
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

/// A managed resource: a kind of thing that Terraform creates, reads, changes
/// and destroys.
///
/// `D` is the provider's data. A panic in any method becomes an error; the
/// process goes on.
#[async_trait]
pub trait Resource<D: Send + Sync + 'static>: Send + Sync + 'static {
    /// The type's full name, such as `soci_index`.
    fn type_name(&self) -> &str;

    /// Its schema; the same at every call.
    fn schema(&self) -> Schema;

    /// Checks that take more than one attribute. Values may be unknown, and
    /// must pass then. Runs after the schema's own checks, whatever they found.
    fn validate(&self, config: &Value) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Refines the plan of a create or update; see [`Plan`]. Called for a plan
    /// without changes too. A destroy goes to
    /// [`plan_destroy`](Self::plan_destroy).
    async fn modify_plan(&self, cx: &Context<D>, plan: &mut Plan) -> Result<(), Diagnostics> {
        let _ = (cx, plan);
        Ok(())
    }

    /// Says what is to be said before a destroy, for instance as a warning.
    async fn plan_destroy(&self, cx: &Context<D>, state: &Value) -> Result<(), Diagnostics> {
        let _ = (cx, state);
        Ok(())
    }

    /// Makes the thing and returns its state, without unknowns; whatever was
    /// planned known must be the same.
    async fn create(&self, cx: &Context<D>, request: Create) -> Result<Value, Failure>;

    /// Compares the state with the world. `None` says that the thing is gone,
    /// and must be certain: anything doubtful is an error, which keeps the
    /// state. After an import the state has only what
    /// [`import_state`](Self::import_state) gave.
    async fn read(&self, cx: &Context<D>, state: Value) -> Result<Option<Value>, Diagnostics>;

    /// Changes the thing and returns its new state, as for a create. Not
    /// needed when each attribute that can be set requires replacement or is
    /// [inert](crate::Attribute::inert), as `timeouts` is.
    async fn update(&self, cx: &Context<D>, request: Update) -> Result<Value, Failure> {
        let _ = (cx, request);
        let detail = format!(
            "{} was to be updated in place, which it cannot.",
            self.type_name()
        );
        Err(Diagnostic::bug(detail).into())
    }

    /// Destroys the thing. One that is gone already is a success.
    async fn delete(&self, cx: &Context<D>, state: Value) -> Result<(), Failure>;

    /// Turns an id that a person typed into a state with enough in it for
    /// [`read`](Self::read), which Terraform calls next. Other attributes may
    /// be left out.
    async fn import_state(&self, cx: &Context<D>, id: &str) -> Result<Value, Diagnostics> {
        let _ = (cx, id);
        let detail = format!("Resources of type {} cannot be imported.", self.type_name());
        Err(Diagnostic::error("Import not supported", detail).into())
    }

    /// The same for an [identity](Schema::identity): the state has its attributes, defaults
    /// filled in, and nothing else, which is often enough for a [`read`](Self::read).
    async fn import_identity(&self, cx: &Context<D>, state: Value) -> Result<Value, Diagnostics> {
        let _ = cx;
        Ok(state)
    }

    /// Brings a state that was stored with an older version of the schema to
    /// the present one. The default takes over what the present schema still
    /// has, which is enough for attributes that came or went.
    ///
    /// `state` is the JSON as Terraform stored it, which
    /// [`Value::from_old_state`] reads with the type that it had then. What
    /// the result leaves out gets its default from the schema, so that a new
    /// attribute is no change of what exists; a null stays one.
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
