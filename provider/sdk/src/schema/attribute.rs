//! Attributes.

use std::collections::BTreeMap;

use crate::types::Type;
use crate::validators::Validator;
use crate::value::Value;

/// Nesting of attributes or blocks, which determines the form of their value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    /// One object.
    Single,
    /// A list of objects.
    List,
    /// A set of objects.
    Set,
    /// A map of objects, each with a key.
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

/// Form of an attribute's value.
#[derive(Debug, Clone)]
pub(crate) enum Form {
    Plain(Type),
    Nested(Nesting, BTreeMap<String, Attribute>),
}

/// Condition under which a change of an attribute replaces the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replace {
    Never,
    Always,
    IfConfigured,
}

/// An attribute: its type, who sets it, and how plans treat it.
///
/// It is required, optional, computed, or both optional and computed.
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
    /// Creates an attribute of a type.
    #[must_use]
    pub fn new(ty: Type) -> Self {
        Self::of(Form::Plain(ty))
    }

    /// Creates a string.
    #[must_use]
    pub fn string() -> Self {
        Self::new(Type::String)
    }

    /// Creates a bool.
    #[must_use]
    pub fn bool() -> Self {
        Self::new(Type::Bool)
    }

    /// Creates a number.
    #[must_use]
    pub fn number() -> Self {
        Self::new(Type::Number)
    }

    /// Creates a list.
    #[must_use]
    pub fn list(of: Type) -> Self {
        Self::new(Type::list(of))
    }

    /// Creates a set.
    #[must_use]
    pub fn set(of: Type) -> Self {
        Self::new(Type::set(of))
    }

    /// Creates a map.
    #[must_use]
    pub fn map(of: Type) -> Self {
        Self::new(Type::map(of))
    }

    /// Creates an object, or a collection of objects, whose attributes have
    /// their own settings.
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

    /// Marks the attribute as required: the configuration must set it.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Marks the attribute as optional: the configuration may set it.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Marks the attribute as computed: the provider sets it if the
    /// configuration does not. Unless it is also optional, it is read-only.
    #[must_use]
    pub fn computed(mut self) -> Self {
        self.computed = true;
        self
    }

    /// Marks the attribute as sensitive: Terraform hides it in its output.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// Marks the attribute as deprecated: Terraform warns if it is set.
    #[must_use]
    pub fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    /// Sets the description, in Markdown.
    #[must_use]
    pub fn description(mut self, markdown: impl Into<String>) -> Self {
        self.description = markdown.into();
        self
    }

    /// Marks the attribute as inert: it tells the provider how to work rather
    /// than describing the resource. If only inert attributes change, computed
    /// attributes keep their values, and the change is stored in the state
    /// without a call to [`Resource::update`](crate::Resource::update). Only
    /// allowed at the root.
    #[must_use]
    pub fn inert(mut self) -> Self {
        self.inert = true;
        self
    }

    /// Replaces the resource when the attribute changes. A computed attribute
    /// that is unknown in a plan counts as changed, so it should also [keep its
    /// value](Self::use_state_for_unknown) or replace the resource only [if
    /// configured](Self::requires_replace_if_configured).
    #[must_use]
    pub fn requires_replace(mut self) -> Self {
        self.replace = Replace::Always;
        self
    }

    /// Replaces the resource when the attribute changes and the configuration
    /// sets it. For attributes that are both optional and computed.
    #[must_use]
    pub fn requires_replace_if_configured(mut self) -> Self {
        self.replace = Replace::IfConfigured;
        self
    }

    /// Keeps the prior value in a plan that would otherwise make it unknown.
    /// For IDs and other computed attributes that updates never change.
    #[must_use]
    pub fn use_state_for_unknown(mut self) -> Self {
        self.keep_prior = true;
        self
    }

    /// Sets the value to use if the configuration does not set the attribute.
    /// Makes it optional and computed.
    #[must_use]
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self.optional = true;
        self.computed = true;
        self
    }

    /// Adds a validator. All validators run; see
    /// [`validators`](crate::validators).
    #[must_use]
    pub fn validate(mut self, validator: impl Into<Validator>) -> Self {
        self.validators.push(validator.into());
        self
    }

    /// Returns whether the configuration must set the attribute.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// Returns whether the configuration may set the attribute but need not.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        self.optional
    }

    /// Returns whether the provider may set the attribute.
    #[must_use]
    pub fn is_computed(&self) -> bool {
        self.computed
    }

    /// Returns whether Terraform hides the attribute in its output.
    #[must_use]
    pub fn is_sensitive(&self) -> bool {
        self.sensitive
    }

    /// Returns the default, converted to the attribute's type.
    pub(crate) fn fitting_default(&self) -> Option<Value> {
        let default = self.default.clone()?;
        // `Schema::check` reports a default that does not fit.
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
