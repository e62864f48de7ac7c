//! The action `soci_sweep`, which makes a builder look through its repositories
//! now.

use std::time::Duration;

use lambda::sweep_request::MAX_FILTERS;
use serde::Deserialize;
use tfplugin_sdk::validators::string;
use tfplugin_sdk::{
    Action, ActionProgress, Attribute, Context, Diagnostic, Diagnostics, Schema, Type, Value,
    async_trait,
};

use super::owner::is_part_of;
use super::part::function::sweeps;
use super::validate::{FILTERS, filters_alone};
use super::{checks, names, sweep};
use crate::aws::check_region;
use crate::bundle::Function;
use crate::shared::{CallContext, Session, Shared};

/// The action `soci_sweep`.
pub(crate) struct Sweep;

/// Time limit for the few requests.
const TIMEOUT: Duration = Duration::from_secs(5 * 60);

#[derive(Deserialize)]
struct Arguments {
    builder: String,
    region: Option<String>,
    repository_image_tag_filters: Option<Vec<String>>,
}

#[async_trait]
impl Action<Shared> for Sweep {
    fn type_name(&self) -> &str {
        "soci_sweep"
    }

    fn schema(&self) -> Schema {
        let builder = Attribute::string()
            .required()
            .validate(checks::name())
            .description("Name of the builder: the `name` of its `soci_index_builder`.");
        let region = Attribute::string()
            .optional()
            .validate(string(check_region))
            .description("Region of the builder. Default: the provider's region.");
        let filters = Attribute::list(Type::String)
            .optional()
            .validate(checks::filters())
            .description(format!(
                "Images to sweep, of those that the builder's own filters and exclusions \
                 select: 1 to {MAX_FILTERS} filters of the same form. They narrow what the builder \
                 indexes and never widen it. Default: every image that the builder indexes."
            ));
        Schema::new()
            .attribute("builder", builder)
            .attribute("region", region)
            .attribute(FILTERS, filters)
            .description(
                "Makes a builder search its repositories now for images that have no index, \
                 and index them, as `sweep_schedule` does regularly. The sweep runs in AWS \
                 Lambda; the action starts it and does not wait for it to finish.",
            )
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let mut found = filters_alone(config.get(FILTERS));
        let count = config.get(FILTERS).as_list().map_or(0, <[Value]>::len);
        if count > MAX_FILTERS {
            let detail = format!(
                "Got {count} filters, want at most {MAX_FILTERS}. Combine them with wildcards, or \
                 omit the argument to sweep everything that the builder indexes."
            );
            found.push(Diagnostic::error("Too many filters", detail).at(FILTERS));
        }
        found
    }

    async fn invoke(
        &self,
        cx: &Context<Shared>,
        config: Value,
        progress: &ActionProgress,
    ) -> Result<(), Diagnostics> {
        let Arguments {
            builder,
            region,
            repository_image_tag_filters: only,
        } = config.to()?;
        let call = CallContext::new(cx, TIMEOUT);
        let session = Session::open(call, &cx.data().aws, region.as_deref()).await?;
        let event_filter = names::function(&builder, Function::EventFilter);
        check(&session, &builder, &event_filter).await?;
        progress
            .report(format!("asking the function {event_filter:?} for a sweep"))
            .await;
        let started = sweep::start(&session, &event_filter, &only.unwrap_or_default()).await;
        let request = started.map_err(|error| error.diagnose("starting a sweep"))?;
        let log_group = names::log_group(&builder, Function::EventFilter);
        progress.report(started_message(&request, &log_group)).await;
        Ok(())
    }
}

/// Returns a message that says where to find the result of a sweep.
fn started_message(request: &str, log_group: &str) -> String {
    format!(
        "sweep started with request {request}; it continues in AWS Lambda. Its results are in the \
         log group {log_group:?}: a line for each image that is handed on, and finally \"swept\" \
         with the counts"
    )
}

/// Checks that the event filter belongs to the builder and may perform sweeps.
async fn check(session: &Session<'_>, builder: &str, event_filter: &str) -> Result<(), Diagnostic> {
    let doing = format!("reading the function {event_filter:?}");
    let get = session.lambda.get_function_configuration();
    let get = get.function_name(event_filter);
    let function = match session.call.send(|| get.clone().send()).await {
        Ok(function) => function,
        Err(error) if error.is_not_found() => return Err(no_builder(session, builder)),
        Err(error) => return Err(error.diagnose(&doing)),
    };
    let arn = session.account.function_arn(event_filter);
    let is_part = is_part_of(session, &arn, builder).await;
    if !is_part.map_err(|error| error.diagnose(&doing))? {
        return Err(not_a_part(builder, event_filter));
    }
    if !sweeps(function.timeout.unwrap_or_default().into()) {
        return Err(no_sweeps(builder));
    }
    Ok(())
}

fn no_builder(session: &Session<'_>, builder: &str) -> Diagnostic {
    let (account, region) = (&session.account.id, &session.account.region);
    let detail = format!(
        "There is no event filter {:?} in account {account}, region {region}, and so no builder \
         {builder:?}. Set builder to the name of a deployed soci_index_builder, and region if \
         that is not the provider's.",
        names::function(builder, Function::EventFilter)
    );
    Diagnostic::error("Builder not found", detail).at("builder")
}

fn not_a_part(builder: &str, event_filter: &str) -> Diagnostic {
    let detail = format!(
        "The function {event_filter:?} exists, but is not marked as a part of a builder {builder:?} (by \
         the tag {:?} = \"{builder}/…\"), so it was not invoked. Check the name. If it is the \
         builder's and lost its tag, apply the builder's configuration: its error says how to go \
         on.",
        names::OWNER_TAG
    );
    Diagnostic::error("Not a builder's function", detail).at("builder")
}

fn no_sweeps(builder: &str) -> Diagnostic {
    let detail = format!(
        "The builder {builder:?} has no permission to search for images, because it has neither a \
         sweep_schedule nor index_existing. Set one of them in its soci_index_builder and apply."
    );
    Diagnostic::error("Builder does not sweep", detail).at("builder")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(filters: Value) -> Vec<String> {
        let config = Value::object([("builder", "images".into()), (FILTERS, filters)]);
        let mut found = Sweep.schema().validate(&config);
        found.extend(Sweep.validate(&config));
        let found = found.iter().map(|d| format!("{}: {}", d.path, d.summary));
        found.collect()
    }

    #[test]
    fn the_schema_is_sound() {
        assert_eq!(Sweep.schema().check("soci_sweep"), Diagnostics::new());
    }

    #[test]
    fn filters_are_checked_as_those_of_a_builder() {
        let list = |filters: &[&str]| -> Value {
            Value::List(filters.iter().map(|&filter| filter.into()).collect())
        };
        let many: Vec<String> = (0..=MAX_FILTERS).map(|n| format!("{n}:*")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for (filters, want) in [
            (list(&["shop"]), Some("[0]: Invalid filter")),
            (list(&["a:*", "a:*"]), Some("[1]: Duplicate filter")),
            (list(&[]), Some(": No filter")),
            (list(&many), Some(": Too many filters")),
            (list(&many[1..]), None),
            // The suffix is the builder's own.
            (list(&["a:*-soci"]), None),
            (Value::Null, None),
            (Value::Unknown, None),
        ] {
            let want: Vec<String> = want.iter().map(|want| format!("{FILTERS}{want}")).collect();
            assert_eq!(found(filters.clone()), want, "{filters:?}");
        }
    }
}
