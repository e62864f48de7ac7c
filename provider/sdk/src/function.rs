//! Provider functions: `provider::name::function(…)` in a configuration.

use crate::proto::tfplugin6::{self as proto, StringKind};
use crate::types::Type;
#[cfg(feature = "testing")]
use crate::types::TypeError;
use crate::value::Value;

/// A pure function: equal arguments give equal results.
pub trait Function: Send + Sync + 'static {
    /// Returns the name, without the provider's name.
    fn name(&self) -> &str;

    /// Returns the parameters, result type and documentation.
    fn signature(&self) -> Signature;

    /// Calls the function with one argument per parameter, followed by any
    /// number for the variadic parameter. Arguments are known, and null only if
    /// the signature allows it.
    ///
    /// # Errors
    ///
    /// If the arguments are invalid. Terraform displays the text.
    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError>;
}

/// Parameters, result type and documentation of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    parameters: Vec<Parameter>,
    variadic: Option<Parameter>,
    returns: Type,
    summary: String,
    description: String,
    deprecation: String,
}

/// A parameter of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    name: String,
    ty: Type,
    description: String,
    allow_null: bool,
}

impl Parameter {
    /// Creates a parameter.
    #[must_use]
    pub fn new(name: impl Into<String>, ty: Type) -> Self {
        Self {
            name: name.into(),
            ty,
            description: String::new(),
            allow_null: false,
        }
    }

    /// Sets the description, in Markdown.
    #[must_use]
    pub fn description(mut self, markdown: impl Into<String>) -> Self {
        self.description = markdown.into();
        self
    }

    /// Allows null, which Terraform otherwise rejects.
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
            // Terraform does not call the function; the result is unknown too.
            allow_unknown_values: false,
            description: self.description.clone(),
            description_kind: StringKind::Markdown.into(),
        }
    }

    #[cfg(feature = "testing")]
    fn from_proto(parameter: proto::function::Parameter) -> Result<Self, TypeError> {
        Ok(Self {
            ty: Type::from_json_bytes(&parameter.r#type)?,
            name: parameter.name,
            description: parameter.description,
            allow_null: parameter.allow_null_value,
        })
    }
}

impl Signature {
    /// Creates the signature of a function without parameters.
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

    /// Allows any number of additional arguments of this kind.
    #[must_use]
    pub fn variadic(mut self, parameter: Parameter) -> Self {
        self.variadic = Some(parameter);
        self
    }

    /// Sets the one-line summary.
    #[must_use]
    pub fn summary(mut self, text: impl Into<String>) -> Self {
        self.summary = text.into();
        self
    }

    /// Sets the description, in Markdown.
    #[must_use]
    pub fn description(mut self, markdown: impl Into<String>) -> Self {
        self.description = markdown.into();
        self
    }

    /// Marks the function as deprecated: Terraform warns with this text.
    #[must_use]
    pub fn deprecated(mut self, text: impl Into<String>) -> Self {
        self.deprecation = text.into();
        self
    }

    pub(crate) fn returns(&self) -> &Type {
        &self.returns
    }

    /// Returns the type of the argument at `index`.
    pub(crate) fn argument(&self, index: usize) -> Option<&Type> {
        let parameter = self.parameters.get(index).or(self.variadic.as_ref());
        parameter.map(|p| &p.ty)
    }

    /// Returns whether the function accepts this number of arguments.
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

    #[cfg(feature = "testing")]
    pub(crate) fn from_proto(function: proto::Function) -> Result<Self, TypeError> {
        let parameters = function.parameters.into_iter().map(Parameter::from_proto);
        let variadic = function.variadic_parameter.map(Parameter::from_proto);
        let returns = function.r#return.unwrap_or_default();
        Ok(Self {
            parameters: parameters.collect::<Result<_, _>>()?,
            variadic: variadic.transpose()?,
            returns: Type::from_json_bytes(&returns.r#type)?,
            summary: function.summary,
            description: function.description,
            deprecation: function.deprecation_message,
        })
    }
}

/// The failure of a function call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct FunctionError {
    text: String,
    argument: Option<usize>,
}

impl FunctionError {
    /// Creates a failure of the whole call.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            argument: None,
        }
    }

    /// Sets the index of the argument at fault, counted from 0.
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

    #[cfg(feature = "testing")]
    pub(crate) fn from_proto(error: proto::FunctionError) -> Self {
        let argument = error.function_argument;
        Self {
            text: error.text,
            argument: argument.and_then(|i| usize::try_from(i).ok()),
        }
    }

    /// Returns the index of the argument at fault, counted from 0.
    #[must_use]
    pub fn faulty_argument(&self) -> Option<usize> {
        self.argument
    }
}
