//! `memory_limit`: the total memory for all indexing.

use soci::MemoryBudget;
use tfplugin_sdk::{Attribute, Diagnostic, Field, Value, validators};

/// Name of the attribute.
const NAME: &str = "memory_limit";
/// Default limit in MB.
const DEFAULT: u64 = 1024;

/// Declares the attribute.
pub(crate) fn attribute() -> Attribute {
    Attribute::number()
        .optional()
        .description(format!(
            "Maximum memory in MB that the provider uses for indexing images, for all \
             `soci_index` together: 128 to 1048576. Layers wait for each other when it is short; \
             a layer that does not fit on its own is not indexed. Default: `{DEFAULT}`."
        ))
        .validate(validators::number_range(128..=1 << 20))
}

/// Returns the memory budget of a configuration. While the limit is unknown, which happens only in
/// a plan, the default applies.
///
/// # Errors
/// If the limit is not a whole number.
pub(crate) fn budget(config: &Value) -> Result<MemoryBudget, Diagnostic> {
    let limit: Field<u64> = config
        .get(NAME)
        .to()
        .map_err(|error| Diagnostic::error("Invalid memory limit", error.to_string()).at(NAME))?;
    let limit = match limit {
        Field::Known(limit) => limit,
        Field::Null | Field::Unknown => DEFAULT,
    };
    Ok(MemoryBudget::of_process(limit << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_not_known_yet_is_the_default() {
        let limit = |value: Value| budget(&Value::object([(NAME, value)])).map(|of| of.limit());
        let default = limit(Value::Null).ok();
        assert!(default.is_some());
        assert_eq!(limit(Value::Unknown).ok(), default);
        assert_eq!(limit(1024_i64.into()).ok(), default);
        assert_ne!(limit(2048_i64.into()).ok(), default);
        assert!(limit("much".into()).is_err());
    }
}
