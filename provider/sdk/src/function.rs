//! Functions: `provider::name::function(…)` in a configuration.

use crate::proto::tfplugin6::{self as proto, StringKind};
use crate::types::Type;
use crate::value::Value;

/// A function: the same arguments always give the same result.
pub trait Function: Send + Sync + 'static {
    /// Its name, without the provider's.
    fn name(&self) -> &str;

    /// What it takes and gives.
    fn signature(&self) -> Signature;

    /// Calls it. There are as many arguments as parameters, then those of the
    /// variadic parameter. They are known, and not null unless the signature
    /// allows it.
    ///
    /// # Errors
    ///
    /// When the arguments make no sense; the person sees the text.
    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError>;
}

/// What a function takes and gives.
#[derive(Debug, Clone)]
pub struct Signature {
    parameters: Vec<Parameter>,
    variadic: Option<Parameter>,
    returns: Type,
    summary: String,
    description: String,
    deprecation: String,
}

/// One parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    name: String,
    ty: Type,
    description: String,
    allow_null: bool,
}

impl Parameter {
    /// A parameter of that name and type.
    #[must_use]
    pub fn new(name: impl Into<String>, ty: Type) -> Self {
        Self {
            name: name.into(),
            ty,
            description: String::new(),
            allow_null: false,
        }
    }

    /// What it is, in Markdown.
    #[must_use]
    pub fn description(mut self, markdown: impl Into<String>) -> Self {
        self.description = markdown.into();
        self
    }

    /// Null may be passed; otherwise Terraform refuses it.
    #[must_use]
    pub fn allow_null(mut self) -> Self {
        self.allow_null = true;
        self
    }

    fn to_proto(&self) -> proto::function::Parameter {
        proto::function::Parameter {
            name: self.name.clone(),
            r#type: self.ty.to_json().to_string().into_bytes(),
            allow_null_value: self.allow_null,
            // An unknown argument makes the result unknown without a call.
            allow_unknown_values: false,
            description: self.description.clone(),
            description_kind: StringKind::Markdown.into(),
        }
    }
}

impl Signature {
    /// A function without parameters that gives this type.
    #[must_use]
    pub fn new(returns: Type) -> Self {
        Self {
            parameters: Vec::new(),
            variadic: None,
            returns,
            summary: String::new(),
            description: String::new(),
            deprecation: String::new(),
        }
    }

    /// Adds a parameter.
    #[must_use]
    pub fn parameter(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Takes any number of further arguments of this kind.
    #[must_use]
    pub fn variadic(mut self, parameter: Parameter) -> Self {
        self.variadic = Some(parameter);
        self
    }

    /// One line about it.
    #[must_use]
    pub fn summary(mut self, text: impl Into<String>) -> Self {
        self.summary = text.into();
        self
    }

    /// What it does, in Markdown.
    #[must_use]
    pub fn description(mut self, markdown: impl Into<String>) -> Self {
        self.description = markdown.into();
        self
    }

    /// Terraform warns with this text when it is used.
    #[must_use]
    pub fn deprecated(mut self, text: impl Into<String>) -> Self {
        self.deprecation = text.into();
        self
    }

    pub(crate) fn returns(&self) -> &Type {
        &self.returns
    }

    /// The type of the argument at this index.
    pub(crate) fn argument(&self, index: usize) -> Option<&Type> {
        let parameter = self.parameters.get(index).or(self.variadic.as_ref());
        parameter.map(|p| &p.ty)
    }

    /// Whether so many arguments fit.
    pub(crate) fn takes(&self, arguments: usize) -> bool {
        arguments == self.parameters.len()
            || self.variadic.is_some() && arguments > self.parameters.len()
    }

    pub(crate) fn to_proto(&self) -> proto::Function {
        proto::Function {
            parameters: self.parameters.iter().map(Parameter::to_proto).collect(),
            variadic_parameter: self.variadic.as_ref().map(Parameter::to_proto),
            r#return: Some(proto::function::Return {
                r#type: self.returns.to_json().to_string().into_bytes(),
            }),
            summary: self.summary.clone(),
            description: self.description.clone(),
            description_kind: StringKind::Markdown.into(),
            deprecation_message: self.deprecation.clone(),
        }
    }
}

/// Why a call of a function failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct FunctionError {
    text: String,
    argument: Option<usize>,
}

impl FunctionError {
    /// A failure of the call as a whole.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            argument: None,
        }
    }

    /// The same failure because of one argument, counted from 0.
    #[must_use]
    pub fn argument(mut self, index: usize) -> Self {
        self.argument = Some(index);
        self
    }

    pub(crate) fn to_proto(&self) -> proto::FunctionError {
        proto::FunctionError {
            text: self.text.clone(),
            function_argument: self.argument.and_then(|i| i64::try_from(i).ok()),
        }
    }
}
