//! Calls to actions.

use super::{Client, answer, not_found, pack};
use crate::diagnostic::Diagnostics;
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::invoke_action::event;
use crate::schema::Schema;
use crate::testing::answer::Answer;
use crate::testing::error::Error;
use crate::value::Value;

impl Client {
    /// Checks an action block.
    pub async fn validate_action(
        &self,
        type_name: &str,
        config: &Value,
    ) -> Result<Diagnostics, Error> {
        let request = proto::validate_action_config::Request {
            type_name: type_name.to_owned(),
            config: pack(self.action(type_name)?, config)?,
        };
        let sent = self.rpc().validate_action_config(request).await;
        let sent = answer("ValidateActionConfig", sent)?;
        Ok(Diagnostics::from_proto(sent.diagnostics))
    }

    /// Plans and invokes an action. Returns its progress messages.
    ///
    /// # Errors
    ///
    /// [`Error::Diagnostics`] if the plan has errors. Errors of the invocation
    /// are in the answer.
    pub async fn invoke_action(
        &self,
        type_name: &str,
        config: &Value,
    ) -> Result<Answer<Vec<String>>, Error> {
        let schema = self.action(type_name)?;
        let request = proto::plan_action::Request {
            action_type: type_name.to_owned(),
            config: pack(schema, config)?,
            ..Default::default()
        };
        let sent = self.rpc().plan_action(request).await;
        let planned = Diagnostics::from_proto(answer("PlanAction", sent)?.diagnostics);
        if planned.has_errors() {
            return Err(Error::Diagnostics(planned));
        }
        let request = proto::invoke_action::Request {
            action_type: type_name.to_owned(),
            config: pack(schema, config)?,
            ..Default::default()
        };
        let sent = self.rpc().invoke_action(request).await;
        let mut events = answer("InvokeAction", sent)?;
        let mut messages = Vec::new();
        loop {
            let event = events.message().await.map_err(|status| Error::Rpc {
                rpc: "InvokeAction",
                status: status.to_string(),
            })?;
            match event.and_then(|event| event.r#type) {
                Some(event::Type::Progress(progress)) => messages.push(progress.message),
                Some(event::Type::Completed(completed)) => {
                    return Ok(Answer {
                        value: messages,
                        diagnostics: Diagnostics::from_proto(completed.diagnostics),
                    });
                }
                None => return Err(Error::Missing("end of the action")),
            }
        }
    }

    fn action(&self, name: &str) -> Result<&Schema, Error> {
        let schema = self.schemas.actions.get(name);
        schema.ok_or_else(|| not_found("action", name))
    }
}
