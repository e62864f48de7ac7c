//! The list resource `soci_index_builder`: the builders of an account and region.
//!
//! AWS Lambda lists functions without their tags. Names and environments therefore identify
//! functions that may be parts of a builder, and their tags confirm it.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_lambda::types::FunctionConfiguration;
use lambda::environment;
use tfplugin_sdk::validators::string;
use tfplugin_sdk::{
    Attribute, Context, Diagnostic, Diagnostics, ListResource, ListResults, Schema, Value,
    async_trait,
};

use super::arguments::DEFAULT_BUS;
use super::names;
use super::owner::is_part_of;
use crate::aws::check_region;
use crate::bundle::Function;
use crate::shared::{CallContext, Session, Shared};

/// The list resource `soci_index_builder`.
pub(crate) struct Builders;

const TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// Maximum number of pages of functions, of 50 each.
const MAX_PAGES: usize = 2000;

#[async_trait]
impl ListResource<Shared> for Builders {
    fn type_name(&self) -> &str {
        "soci_index_builder"
    }

    fn schema(&self) -> Schema {
        let region = Attribute::string()
            .optional()
            .validate(string(check_region))
            .description("Region of the builders. Default: the provider's region.");
        Schema::new().attribute("region", region).description(
            "Lists the builders of the account in a region, whoever made them: by the owner tag of \
             their functions.",
        )
    }

    async fn list(
        &self,
        cx: &Context<Shared>,
        config: Value,
        results: &ListResults,
    ) -> Result<(), Diagnostics> {
        let call = CallContext::new(cx, TIMEOUT);
        let region = config.get("region").as_str();
        let session = Session::open(call, &cx.data().aws, region).await?;
        Ok(list(&session, results).await?)
    }
}

async fn list(session: &Session<'_>, results: &ListResults) -> Result<(), Diagnostic> {
    let (mut listed, mut marker) = (BTreeSet::new(), None);
    for _ in 0..MAX_PAGES {
        let list = session.lambda.list_functions().set_marker(marker.take());
        let page = session.call.send(|| list.clone().send()).await;
        let page = page.map_err(|error| error.diagnose("listing functions"))?;
        for function in page.functions.unwrap_or_default() {
            let Some(builder) = builder_by_name(&function) else {
                continue;
            };
            if listed.contains(builder) || !is_part(session, &function, builder).await? {
                continue;
            }
            listed.insert(builder.to_owned());
            let state = Value::object([
                ("name", builder.into()),
                ("event_bus_name", DEFAULT_BUS.into()),
                ("region", session.account.region.as_str().into()),
            ]);
            if !results.report(builder, state).await {
                return Ok(());
            }
        }
        marker = page.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() || !results.are_wanted() {
            return Ok(());
        }
    }
    let detail = format!(
        "AWS Lambda lists more than {MAX_PAGES} pages of functions: builders may be missing. Import \
         these by name."
    );
    let warning = Diagnostic::warning("List not complete", detail);
    session.call.cx.warn(warning);
    Ok(())
}

/// Returns the builder to which a function belongs, judging by its name and by the environment that
/// an import requires.
fn builder_by_name(function: &FunctionConfiguration) -> Option<&str> {
    let name = function.function_name.as_deref()?;
    let parts = [
        (Function::EventFilter, environment::FILTERS),
        (Function::IndexGenerator, environment::INDEX_VERSION),
    ];
    parts.into_iter().find_map(|(of, variable)| {
        let builder = names::builder_of(name, of)?;
        let environment = function.environment.as_ref()?;
        let variables = environment.variables.as_ref();
        let has = variables.is_some_and(|variables| variables.contains_key(variable));
        // Without permission to decrypt the environment, an error is returned instead.
        (has || environment.error.is_some()).then_some(builder)
    })
}

/// Returns whether a function's tags mark it as a part of a builder.
async fn is_part(
    session: &Session<'_>,
    function: &FunctionConfiguration,
    builder: &str,
) -> Result<bool, Diagnostic> {
    let Some(arn) = function.function_arn.as_deref() else {
        return Ok(false);
    };
    match is_part_of(session, arn, builder).await {
        // Deleted in the meantime.
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error.diagnose(&format!("reading the tags of {arn}"))),
        Ok(is_part) => Ok(is_part),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::types::{EnvironmentError, EnvironmentResponse};

    use super::*;

    fn function(name: &str, variable: Option<&str>) -> FunctionConfiguration {
        let environment =
            variable.map(|name| EnvironmentResponse::builder().variables(name, "x").build());
        FunctionConfiguration::builder()
            .function_name(name)
            .set_environment(environment)
            .build()
    }

    #[test]
    fn the_schema_is_sound() {
        let schema = Builders.schema();
        assert_eq!(schema.check("soci_index_builder"), Diagnostics::new());
    }

    #[test]
    fn functions_of_builders_are_told_by_name_and_environment() {
        let (filters, version) = (Some(environment::FILTERS), Some(environment::INDEX_VERSION));
        for (name, variable, builder) in [
            ("images-filter", filters, Some("images")),
            ("images-generator", version, Some("images")),
            ("a-filter-filter", filters, Some("a-filter")),
            ("images-generator", filters, None),
            ("images-filter", Some("PATH"), None),
            ("images-filter", None, None),
            ("images", filters, None),
            ("-filter", filters, None),
            ("a.b-filter", filters, None),
        ] {
            let function = function(name, variable);
            assert_eq!(builder_by_name(&function), builder, "{name} {variable:?}");
        }
        let hidden = EnvironmentResponse::builder()
            .error(
                EnvironmentError::builder()
                    .error_code("AccessDenied")
                    .build(),
            )
            .build();
        let mut function = function("images-filter", None);
        function.environment = Some(hidden);
        assert_eq!(builder_by_name(&function), Some("images"));
    }
}
