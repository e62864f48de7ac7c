//! The list resource `notes_note`.

use std::ffi::OsString;

use tfplugin_sdk::{
    Attribute, Context, Diagnostics, ListResource, ListResults, Schema, Value, async_trait,
};

use crate::file::file_error;
use crate::shared::Shared;

/// The list resource `notes_note`.
pub(crate) struct List;

#[async_trait]
impl ListResource<Shared> for List {
    fn type_name(&self) -> &str {
        "notes_note"
    }

    fn schema(&self) -> Schema {
        Schema::new()
            .description("The notes in the folder.")
            .attribute(
                "suffix",
                Attribute::string()
                    .default(".txt")
                    .description("How the names of files with notes end."),
            )
    }

    async fn list(
        &self,
        cx: &Context<Shared>,
        config: Value,
        results: &ListResults,
    ) -> Result<(), Diagnostics> {
        let suffix = config.get("suffix").as_str().unwrap_or_default();
        let folder = &cx.data().folder;
        let fail = |error| file_error(folder, &error);
        let entries = std::fs::read_dir(folder).map_err(fail)?;
        let names: Result<Vec<OsString>, _> = entries
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect();
        let mut names = names.map_err(fail)?;
        names.sort();
        for name in names.iter().filter_map(|name| name.to_str()) {
            if !name.ends_with(suffix) {
                continue;
            }
            let state = Value::object([("path", name.into())]);
            if !results.report(name, state).await {
                break;
            }
        }
        Ok(())
    }
}
