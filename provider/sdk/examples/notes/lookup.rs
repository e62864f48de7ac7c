//! The data source `notes_note`.

use tfplugin_sdk::{
    Attribute, Context, DataSource, Diagnostic, Diagnostics, Schema, Value, async_trait,
};

use crate::file::load;
use crate::shared::Shared;

/// The data source `notes_note`.
pub(crate) struct Lookup;

#[async_trait]
impl DataSource<Shared> for Lookup {
    fn type_name(&self) -> &str {
        "notes_note"
    }

    fn schema(&self) -> Schema {
        Schema::new()
            .description("An existing note.")
            .attribute(
                "path",
                Attribute::string()
                    .required()
                    .description("Path of the file."),
            )
            .attribute(
                "text",
                Attribute::string()
                    .computed()
                    .description("Text of the note."),
            )
    }

    async fn read(&self, cx: &Context<Shared>, mut config: Value) -> Result<Value, Diagnostics> {
        let path = cx
            .data()
            .folder
            .join(config.get("path").as_str().unwrap_or_default());
        match load(&path)? {
            Some(text) => config.set("text", text),
            None => {
                let detail = format!("{} does not exist.", path.display());
                return Err(Diagnostic::error("No such note", detail).at("path").into());
            }
        }
        Ok(config)
    }
}
