//! The function `title`.

use tfplugin_sdk::{Function, FunctionError, Parameter, Signature, Type, Value};

/// The function `title`.
pub(crate) struct Title;

impl Function for Title {
    fn name(&self) -> &str {
        "title"
    }

    fn signature(&self) -> Signature {
        Signature::new(Type::String)
            .summary("First line of a text")
            .parameter(Parameter::new("text", Type::String))
    }

    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        let text = arguments
            .first()
            .and_then(Value::as_str)
            .unwrap_or_default();
        match text.lines().next() {
            Some(line) => Ok(line.trim_start_matches("# ").into()),
            None => Err(FunctionError::new("the text is empty").argument(0)),
        }
    }
}
