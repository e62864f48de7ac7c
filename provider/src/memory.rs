//! `memory_limit`: the memory that all indexing takes together.

use soci::MemoryBudget;
use tfplugin_sdk::{Attribute, Diagnostic, Value, validators};

/// Name of the attribute.
const NAME: &str = "memory_limit";
/// Default limit in MB.
const DEFAULT: u64 = 1024;

/// Declares the attribute.
pub(crate) fn attribute() -> Attribute {
    Attribute::number()
        .optional()
        .description(format!(
            "Memory in MB that the provider takes at most while it indexes images, for all \
             `soci_index` together: 128 to 1048576. Layers wait for each other where it is short; one \
             that does not fit alone gets no zTOC. Default: `{DEFAULT}`."
        ))
        .validate(validators::number_range(128..=1 << 20))
}

/// Returns the budget of a configuration.
///
/// # Errors
/// When the limit is not a whole number.
pub(crate) fn budget(config: &Value) -> Result<MemoryBudget, Diagnostic> {
    let limit: Option<u64> = config
        .get(NAME)
        .to()
        .map_err(|error| Diagnostic::error("Invalid memory limit", error.to_string()).at(NAME))?;
    Ok(MemoryBudget::of_process(limit.unwrap_or(DEFAULT) << 20))
}
