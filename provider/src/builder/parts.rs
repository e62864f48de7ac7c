//! All parts of a builder together.

use tfplugin_sdk::Diagnostic;

use super::arguments::{Arguments, DEFAULT_BUS};
use super::environment;
use super::names;
use super::network;
use super::part::function::permission::{STATEMENT, SWEEP_STATEMENT};
use super::part::function::{self, Function, Surroundings};
use super::part::log_group::{self, LogGroup};
use super::part::role::{self, Role};
use super::part::rule::{self, Rule};
use super::part::table::{self, Table};
use super::part::{self, Applied, Existing, Part};
use super::tags::{self, DesiredTags, Tags};
use crate::aws::{Account, AwsError};
use crate::bundle::Function as Which;
use crate::shared::Session;

/// The parts by name, derived from the name of the builder.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    pub filter: FunctionUnit,
    pub generator: FunctionUnit,
    pub rule: Rule,
    /// The rule that starts sweeps, whether or not it should exist.
    pub sweep: Rule,
    /// The table in which layers are remembered, if it should exist or did.
    pub table: Option<Table>,
}

/// A function with its role and its log group.
#[derive(Debug, Clone)]
pub(super) struct FunctionUnit {
    pub log_group: LogGroup,
    pub role: Role,
    pub function: Function,
}

/// The parts as they should be.
pub(super) struct Desired {
    pub filter: DesiredUnit,
    pub generator: DesiredUnit,
    pub rule: rule::Properties,
    pub sweep: Option<rule::Properties>,
    pub table: Option<table::Properties>,
    /// The tags of every part.
    pub tags: DesiredTags,
}

pub(super) struct DesiredUnit {
    pub log_group: log_group::Properties,
    pub role: role::Properties,
    pub function: function::Desired,
}

/// The parts as AWS reports them; `None` for those that do not exist.
#[derive(Debug, Clone)]
pub(super) struct Observed {
    pub filter: ObservedUnit,
    pub generator: ObservedUnit,
    pub rule: Option<part::Observed<Rule>>,
    pub sweep: Option<part::Observed<Rule>>,
    pub table: Option<part::Observed<Table>>,
}

#[derive(Debug, Clone)]
pub(super) struct ObservedUnit {
    pub log_group: Option<part::Observed<LogGroup>>,
    pub role: Option<part::Observed<Role>>,
    pub function: Option<part::Observed<Function>>,
}

impl Parts {
    /// Names the parts of a builder.
    pub(super) fn new(arguments: &Arguments, account: &Account) -> Self {
        let (name, bus) = (&*arguments.name, &*arguments.event_bus_name);
        let rule = |bus: &str, name: String| Rule {
            arn: account.rule_arn(bus, &name),
            bus: bus.to_owned(),
            name,
        };
        let table = || {
            let name = names::table(name);
            let arn = account.table_arn(&name);
            Table { name, arn }
        };
        Self {
            table: arguments.reuse_ztocs.then(table),
            filter: FunctionUnit::new(Which::EventFilter, name, account),
            generator: FunctionUnit::new(Which::IndexGenerator, name, account),
            rule: rule(bus, names::rule(name)),
            // EventBridge supports schedules only on this bus.
            sweep: rule(DEFAULT_BUS, names::sweep_rule(name)),
        }
    }

    /// Observes all parts concurrently.
    pub(super) async fn observe(&self, session: &Session<'_>) -> Result<Observed, Diagnostic> {
        let (generator, filter, rule, sweep, table) = tokio::try_join!(
            self.generator.observe(session),
            self.filter.observe(session),
            part::observe(session, &self.rule),
            part::observe(session, &self.sweep),
            async {
                match &self.table {
                    Some(table) => part::observe(session, table).await,
                    None => Ok(None),
                }
            },
        )?;
        Ok(Observed {
            filter,
            generator,
            rule,
            sweep,
            table,
        })
    }

    /// Reconciles all parts. Each is ready before another relies on it. The rules, which set
    /// everything in motion, come last, and the one for pushes at the very end, because a builder
    /// that has it counts as complete.
    pub(super) async fn apply(
        &self,
        session: &Session<'_>,
        desired: &Desired,
        observed: Observed,
    ) -> Result<(), Diagnostic> {
        let Observed {
            mut filter,
            mut generator,
            rule,
            sweep,
            table,
        } = observed;
        let tags = &desired.tags;
        if let (Some(part), Some(desired)) = (&self.table, &desired.table) {
            part::apply(session, part, desired, tags, table).await?;
        }
        let (of_filter, of_generator) = (&desired.filter, &desired.generator);
        self.generator
            .prepare(session, of_generator, tags, &mut generator)
            .await?;
        self.filter
            .prepare(session, of_filter, tags, &mut filter)
            .await?;
        for (unit, desired, observed) in [
            (&self.generator, of_generator, generator),
            (&self.filter, of_filter, filter),
        ] {
            let (function, desired) = (&unit.function, &desired.function);
            part::apply(session, function, desired, tags, observed.function).await?;
        }
        match (&desired.sweep, sweep) {
            (Some(desired), sweep) => {
                part::apply(session, &self.sweep, desired, tags, sweep).await?;
            }
            (None, Some(_)) => part::delete(session, &self.sweep).await?,
            (None, None) => {}
        }
        part::apply(session, &self.rule, &desired.rule, tags, rule).await?;
        match (&self.table, &desired.table) {
            (Some(table), None) => part::delete(session, table).await,
            _ => Ok(()),
        }
    }

    /// Deletes all parts, starting with those that set others in motion. Log groups are deleted
    /// unless they are to be kept. Roles are deleted last, because Lambda uses them to release the
    /// functions' network interfaces.
    ///
    /// # Errors
    /// If a log group or the table is protected, in which case nothing is deleted.
    pub(super) async fn delete(
        &self,
        session: &Session<'_>,
        observed: &Observed,
        keep_logs: bool,
    ) -> Result<(), Diagnostic> {
        let units = [&self.filter, &self.generator];
        if !keep_logs {
            for FunctionUnit { log_group, .. } in units {
                let protected = log_group.is_protected(session).await;
                let unprotect = "logs put-log-group-deletion-protection --log-group-identifier";
                refuse_protected(log_group, protected, unprotect)?;
            }
        }
        if let Some(table) = &self.table {
            let protected = table.is_protected(session).await;
            refuse_protected(table, protected, "dynamodb update-table --table-name")?;
        }
        for rule in [&self.rule, &self.sweep] {
            part::delete(session, rule).await?;
        }
        tokio::try_join!(
            network::release(session, &self.filter.function, observed.filter.function()),
            network::release(
                session,
                &self.generator.function,
                observed.generator.function()
            ),
        )?;
        for unit in units {
            part::delete(session, &unit.function).await?;
        }
        if let Some(table) = &self.table {
            part::delete(session, table).await?;
        }
        for unit in units {
            if !keep_logs {
                part::delete(session, &unit.log_group).await?;
            }
        }
        for unit in units {
            part::delete(session, &unit.role).await?;
        }
        Ok(())
    }

    /// Returns the parts that exist.
    pub(super) fn existing<'a>(&'a self, observed: &'a Observed) -> Vec<Existing<'a>> {
        let mut found = Vec::new();
        for (unit, observed) in [
            (&self.generator, &observed.generator),
            (&self.filter, &observed.filter),
        ] {
            found.extend(part::existing(&unit.log_group, &observed.log_group));
            found.extend(part::existing(&unit.role, &observed.role));
            found.extend(part::existing(&unit.function, &observed.function));
        }
        found.extend(part::existing(&self.rule, &observed.rule));
        found.extend(part::existing(&self.sweep, &observed.sweep));
        if let Some(table) = &self.table {
            found.extend(part::existing(table, &observed.table));
        }
        found
    }

    /// Returns a line for each difference that has no attribute of its own.
    pub(super) fn drift(&self, desired: &Desired, observed: &Observed) -> Vec<String> {
        let tags = &desired.tags;
        let mut lines = Vec::new();
        for (unit, desired, observed) in [
            (&self.filter, &desired.filter, &observed.filter),
            (&self.generator, &desired.generator, &observed.generator),
        ] {
            lines.extend(unit.drift(desired, tags, observed));
        }
        let rule = observed.rule.as_ref();
        lines.extend(part::drift(&self.rule, &desired.rule, tags, rule));
        // Its existence is shown by the attribute `sweep_schedule`.
        if let (Some(desired), Some(observed)) = (&desired.sweep, &observed.sweep) {
            lines.extend(part::drift(&self.sweep, desired, tags, Some(observed)));
        }
        if let (Some(table), Some(desired)) = (&self.table, &desired.table) {
            let observed = observed.table.as_ref();
            lines.extend(part::drift(table, desired, tags, observed));
        }
        lines
    }
}

/// Rejects the deletion of a part that its service protects. `unprotect` is the AWS command that
/// removes the protection.
fn refuse_protected<P: Part>(
    part: &P,
    protected: Result<bool, AwsError>,
    unprotect: &str,
) -> Result<(), Diagnostic> {
    let (kind, name) = (P::KIND, part.name());
    if !protected.map_err(|error| error.diagnose(&format!("reading the {kind} {name:?}")))? {
        return Ok(());
    }
    let detail = format!(
        "The {kind} {name:?} has deletion protection. Nothing was deleted. Turn the protection off \
         and apply again: aws {unprotect} {name} --no-deletion-protection-enabled"
    );
    let mut summary = format!("{kind} is protected");
    summary[..1].make_ascii_uppercase();
    Err(Diagnostic::error(summary, detail))
}

impl FunctionUnit {
    fn new(of: Which, name: &str, account: &Account) -> Self {
        let (function, log_group) = (names::function(name, of), names::log_group(name, of));
        Self {
            role: Role {
                name: names::role(name, of, &account.region),
                of,
            },
            function: Function {
                arn: account.function_arn(&function),
                name: function,
            },
            log_group: LogGroup {
                arn: account.log_group_arn(&log_group),
                name: log_group,
            },
        }
    }

    async fn observe(&self, session: &Session<'_>) -> Result<ObservedUnit, Diagnostic> {
        let (log_group, role, function) = tokio::try_join!(
            part::observe(session, &self.log_group),
            part::observe(session, &self.role),
            part::observe(session, &self.function),
        )?;
        Ok(ObservedUnit {
            log_group,
            role,
            function,
        })
    }

    /// Reconciles everything that the function relies on. The function leaves a VPC first, because
    /// for that Lambda needs the role's permissions on the network interfaces. If its role is
    /// recreated, the role is set on the function again.
    async fn prepare(
        &self,
        session: &Session<'_>,
        desired: &DesiredUnit,
        tags: &DesiredTags,
        observed: &mut ObservedUnit,
    ) -> Result<(), Diagnostic> {
        if let (Some(_), Some(function)) = (&observed.role, &mut observed.function) {
            let function = &mut function.properties;
            network::leave(session, &self.function, &desired.function, function).await?;
        }
        let log_group = observed.log_group.take();
        part::apply(
            session,
            &self.log_group,
            &desired.log_group,
            tags,
            log_group,
        )
        .await?;
        let role = observed.role.take();
        let role = part::apply(session, &self.role, &desired.role, tags, role).await?;
        if role == Applied::Created
            && let Some(function) = &mut observed.function
        {
            function.properties.forget_role();
        }
        Ok(())
    }

    fn drift(
        &self,
        desired: &DesiredUnit,
        tags: &DesiredTags,
        observed: &ObservedUnit,
    ) -> Vec<String> {
        let (log_group, role) = (observed.log_group.as_ref(), observed.role.as_ref());
        let function = observed.function.as_ref();
        [
            part::drift(&self.log_group, &desired.log_group, tags, log_group),
            part::drift(&self.role, &desired.role, tags, role),
            part::drift(&self.function, &desired.function, tags, function),
        ]
        .concat()
    }
}

impl Desired {
    /// Returns the parts requested by the arguments, with these tags.
    pub(super) fn new(
        parts: &Parts,
        arguments: &Arguments,
        account: &Account,
        tags: DesiredTags,
    ) -> Self {
        Self::derived(parts, arguments, arguments, account, tags)
    }

    /// Returns the parts requested by the arguments that a refresh found in AWS. Properties without
    /// an attribute are derived from the `recorded` arguments instead: roles, pattern, and
    /// everything about the event filter except its own filters. This way, a change to one part is
    /// not missed in another.
    pub(super) fn derived(
        parts: &Parts,
        arguments: &Arguments,
        recorded: &Arguments,
        account: &Account,
        tags: DesiredTags,
    ) -> Self {
        let unit =
            |of, unit: &FunctionUnit, arguments: &Arguments, environment, rules| DesiredUnit {
                log_group: log_group::Properties::desired(arguments),
                role: role::Properties::desired(of, recorded, account),
                function: function::Desired::new(
                    of,
                    arguments,
                    Surroundings {
                        role_arn: account.role_arn(&arguments.role_path, &unit.role.name),
                        log_group: &unit.log_group.name,
                        environment,
                        rules,
                    },
                ),
            };
        let of_filter = Arguments {
            repository_image_tag_filters: arguments.repository_image_tag_filters.clone(),
            ..recorded.clone()
        };
        let Parts {
            filter,
            generator,
            rule,
            sweep,
            table: _, // follows from the arguments
        } = parts;
        let mut rules = vec![(STATEMENT, &*rule.arn)];
        if recorded.schedule().is_some() {
            rules.push((SWEEP_STATEMENT, &*sweep.arn));
        }
        Self {
            filter: unit(
                Which::EventFilter,
                filter,
                &of_filter,
                environment::event_filter(&of_filter, &generator.function.arn),
                rules,
            ),
            generator: unit(
                Which::IndexGenerator,
                generator,
                arguments,
                environment::index_generator(arguments),
                Vec::new(),
            ),
            rule: rule::Properties::desired(recorded, &filter.function.arn),
            sweep: rule::Properties::sweeping(recorded, &filter.function.arn),
            table: recorded.reuse_ztocs.then(table::Properties::desired),
            tags,
        }
    }
}

impl Observed {
    /// Returns whether anything is left that acts or could act; log groups alone do not count.
    pub(super) fn stands(&self) -> bool {
        let stands = |unit: &ObservedUnit| unit.function.is_some() || unit.role.is_some();
        let rules = [&self.rule, &self.sweep];
        stands(&self.filter) || stands(&self.generator) || rules.iter().any(|rule| rule.is_some())
    }

    /// Returns the configured tags of the parts. Those of the index generator stand for all, or
    /// those of the event filter if it is missing.
    pub(super) fn tags(&self) -> Option<Tags> {
        let functions = [&self.generator.function, &self.filter.function];
        let function = functions.into_iter().flatten().next()?;
        Some(tags::settable(function.tags.as_ref()?))
    }
}

impl ObservedUnit {
    pub(super) fn log_group(&self) -> Option<&log_group::Properties> {
        self.log_group.as_ref().map(|found| &found.properties)
    }

    pub(super) fn role(&self) -> Option<&role::Properties> {
        self.role.as_ref().map(|found| &found.properties)
    }

    pub(super) fn function(&self) -> Option<&function::Observed> {
        self.function.as_ref().map(|found| &found.properties)
    }

    /// Returns an environment variable of the function.
    pub(super) fn variable(&self, name: &str) -> Option<&String> {
        self.function()?.config.environment.get(name)
    }
}
