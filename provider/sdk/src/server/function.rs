//! Functions.

use std::collections::HashMap;
use std::sync::Arc;

use super::Server;
use super::codec;
use crate::function::FunctionError;
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;

impl<P: Provider> Server<P> {
    pub(super) fn signatures(&self) -> HashMap<String, proto::Function> {
        let functions = self.catalog.functions.iter();
        functions
            .map(|(name, (_, signature))| (name.clone(), signature.to_proto()))
            .collect()
    }

    pub(super) async fn call_function(
        &self,
        request: proto::call_function::Request,
    ) -> proto::call_function::Response {
        match self.function_result(request).await {
            Ok(result) => proto::call_function::Response {
                result: Some(result),
                error: None,
            },
            Err(error) => proto::call_function::Response {
                result: None,
                error: Some(error.to_proto()),
            },
        }
    }

    async fn function_result(
        &self,
        request: proto::call_function::Request,
    ) -> Result<proto::DynamicValue, FunctionError> {
        let Some((function, signature)) = self.catalog.functions.get(&request.name) else {
            return Err(FunctionError::new(
                "this version of the provider has no such function",
            ));
        };
        if !signature.takes(request.arguments.len()) {
            return Err(FunctionError::new("wrong number of arguments"));
        }
        let mut arguments = Vec::new();
        for (index, argument) in request.arguments.iter().enumerate() {
            let ty = signature.argument(index);
            match ty.map(|ty| codec::decode(Some(argument), ty)) {
                Some(Ok(value)) => arguments.push(value),
                _ => return Err(FunctionError::new("not of the parameter's type").argument(index)),
            }
        }
        let function = Arc::clone(function);
        let work = async move { function.call(arguments) };
        let outcome = self
            .run("CallFunction", &request.name, self.token(), work)
            .await;
        let result = outcome.unwrap_or_else(|panic| Err(FunctionError::new(panic.detail)))?;
        let bytes = result.to_msgpack(signature.returns()).map_err(|e| {
            FunctionError::new(format!("the provider's result is of another type: {e}"))
        })?;
        Ok(codec::msgpack(bytes))
    }
}
