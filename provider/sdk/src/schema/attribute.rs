//! One attribute.

use std::collections::BTreeMap;

use crate::types::Type;
use crate::validators::Validator;
use crate::value::Value;

/// How often something nested may be there, and so what its value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    /// Once: an object.
    Single,
    /// Many times: a list of objects.
    List,
    /// Many times: a set of objects.
    Set,
    /// Many times, each with a key: a map of objects.
    Map,
}

impl Nesting {
    pub(crate) fn ty(self, object: Type) -> Type {
        match self {
            Self::Single => object,
            Self::List => Type::list(object),
            Self::Set => Type::set(object),
            Self::Map => Type::map(object),
        }
    }
}

/// What the value of an attribute is.
#[derive(Debug, Clone)]
pub(crate) enum Form {
    Plain(Type),
    Nested(Nesting, BTreeMap<String, Attribute>),
}

/// When a change of an attribute asks for a new thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replace {
    Never,
    Always,
    IfConfigured,
}

/// One attribute: its type, who sets it, and how a plan treats it.
///
/// Each is required, optional, computed, or optional and computed.
#[derive(Debug, Clone)]
pub struct Attribute {
    pub(crate) form: Form,
    pub(crate) required: bool,
    pub(crate) optional: bool,
    pub(crate) computed: bool,
    pub(crate) sensitive: bool,
    pub(crate) deprecated: bool,
    pub(crate) description: String,
    pub(crate) replace: Replace,
    pub(crate) keep_prior: bool,
    pub(crate) inert: bool,
    pub(crate) default: Option<Value>,
    pub(crate) validators: Vec<Validator>,
}

impl Attribute {
    /// An attribute of any type.
    #[must_use]
    pub fn new(ty: Type) -> Self {
        Self::of(Form::Plain(ty))
    }

    /// A string.
    #[must_use]
    pub fn string() -> Self {
        Self::new(Type::String)
    }

    /// A bool.
    #[must_use]
    pub fn bool() -> Self {
        Self::new(Type::Bool)
    }

    /// A number.
    #[must_use]
    pub fn number() -> Self {
        Self::new(Type::Number)
    }

    /// A list.
    #[must_use]
    pub fn list(of: Type) -> Self {
        Self::new(Type::list(of))
    }

    /// A set.
    #[must_use]
    pub fn set(of: Type) -> Self {
        Self::new(Type::set(of))
    }

    /// A map.
    #[must_use]
    pub fn map(of: Type) -> Self {
        Self::new(Type::map(of))
    }

    /// An object, or a collection of objects, whose parts are attributes in
    /// their own right.
    #[must_use]
    pub fn nested<K: Into<String>>(
        nesting: Nesting,
        attributes: impl IntoIterator<Item = (K, Self)>,
    ) -> Self {
        let attributes = attributes.into_iter().map(|(k, a)| (k.into(), a));
        Self::of(Form::Nested(nesting, attributes.collect()))
    }

    fn of(form: Form) -> Self {
        Self {
            form,
            required: false,
            optional: false,
            computed: false,
            sensitive: false,
            deprecated: false,
            description: String::new(),
            replace: Replace::Never,
            keep_prior: false,
            inert: false,
            default: None,
            validators: Vec::new(),
        }
    }

    /// The configuration must set it.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The configuration may set it.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The provider sets it when the configuration does not.
    #[must_use]
    pub fn computed(mut self) -> Self {
        self.computed = true;
        self
    }

    /// Terraform hides it in its output.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// Terraform warns when it is set.
    #[must_use]
    pub fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    /// What it is, in Markdown.
    #[must_use]
    pub fn description(mut self, markdown: impl Into<String>) -> Self {
        self.description = markdown.into();
        self
    }

    /// It says how Terraform is to go about the thing, not what the thing is:
    /// a change of nothing else goes to the state and not to
    /// [`Resource::update`](crate::Resource::update), and computed attributes
    /// keep their values. Only for attributes of the root.
    #[must_use]
    pub fn inert(mut self) -> Self {
        self.inert = true;
        self
    }

    /// A change of it replaces the resource. A computed attribute that is
    /// unknown in a plan counts as changed: it should
    /// [keep its value](Self::use_state_for_unknown) too, or replace only
    /// [if configured](Self::requires_replace_if_configured).
    #[must_use]
    pub fn requires_replace(mut self) -> Self {
        self.replace = Replace::Always;
        self
    }

    /// A change of it replaces the resource, but only when the configuration
    /// sets it: for an attribute that is optional and computed.
    #[must_use]
    pub fn requires_replace_if_configured(mut self) -> Self {
        self.replace = Replace::IfConfigured;
        self
    }

    /// An update does not change it: where a plan would call it unknown, it
    /// keeps its value. For ids and the like.
    #[must_use]
    pub fn use_state_for_unknown(mut self) -> Self {
        self.keep_prior = true;
        self
    }

    /// Its value when the configuration does not set it; makes it optional and
    /// computed.
    #[must_use]
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self.optional = true;
        self.computed = true;
        self
    }

    /// Adds a check of a known value; all checks run, see
    /// [`validators`](crate::validators).
    #[must_use]
    pub fn validate(mut self, validator: impl Into<Validator>) -> Self {
        self.validators.push(validator.into());
        self
    }

    /// The default in the form of its type.
    pub(crate) fn fitting_default(&self) -> Option<Value> {
        let default = self.default.clone()?;
        // One that does not fit is reported with the schema.
        Some(default.conform(&self.ty()).unwrap_or_default())
    }

    pub(crate) fn ty(&self) -> Type {
        match &self.form {
            Form::Plain(ty) => ty.clone(),
            Form::Nested(nesting, attributes) => nesting.ty(Type::Object(
                attributes
                    .iter()
                    .map(|(name, a)| (name.clone(), a.ty()))
                    .collect(),
            )),
        }
    }
}
