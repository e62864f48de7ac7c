//! Calls to functions.

use std::collections::BTreeMap;

use super::{Client, answer, not_found, pack_as, unpack};
use crate::function::{FunctionError, Signature};
use crate::proto::tfplugin6 as proto;
use crate::testing::error::Error;
use crate::testing::schemas::signatures;
use crate::types::Type;
use crate::value::Value;

impl Client {
    /// Fetches only the signatures of the functions.
    pub async fn functions(&self) -> Result<BTreeMap<String, Signature>, Error> {
        let request = proto::get_functions::Request {};
        let sent = self.rpc().get_functions(request).await;
        signatures(answer("GetFunctions", sent)?.functions)
    }

    /// Calls a function. The function's own error is the inner result.
    pub async fn call_function(
        &self,
        name: &str,
        arguments: &[Value],
    ) -> Result<Result<Value, FunctionError>, Error> {
        let signature = self.schemas.functions.get(name);
        let signature = signature.ok_or_else(|| not_found("function", name))?;
        let arguments = arguments.iter().enumerate().map(|(index, argument)| {
            // Surplus arguments are sent as they are: the provider has to
            // reject them.
            let ty = signature.argument(index).unwrap_or(&Type::Dynamic);
            pack_as(ty, &argument.clone().conform(ty)?)
        });
        let request = proto::call_function::Request {
            name: name.to_owned(),
            arguments: arguments.collect::<Result<_, Error>>()?,
        };
        let sent = self.rpc().call_function(request).await;
        let sent = answer("CallFunction", sent)?;
        if let Some(error) = sent.error {
            return Ok(Err(FunctionError::from_proto(error)));
        }
        unpack(sent.result, signature.returns()).map(Ok)
    }
}
