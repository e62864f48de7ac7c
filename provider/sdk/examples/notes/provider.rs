//! The provider: where notes are kept.

use std::path::PathBuf;

use serde::Deserialize;
use tfplugin_sdk::{
    Attribute, Context, DataSource, Diagnostics, Field, Function, ListResource, Provider, Resource,
    Schema, Value, async_trait,
};

use crate::list::List;
use crate::lookup::Lookup;
use crate::note::Note;
use crate::shared::Shared;
use crate::title::Title;

/// The provider.
pub(crate) struct Notes;

#[async_trait]
impl Provider for Notes {
    type Data = Shared;

    fn name(&self) -> &str {
        "notes"
    }

    fn address(&self) -> String {
        "registry.terraform.io/example/notes".to_owned()
    }

    fn schema(&self) -> Schema {
        Schema::new().description("Notes kept as files.").attribute(
            "folder",
            Attribute::string()
                .optional()
                .description("Base of relative paths. Default: the working directory."),
        )
    }

    async fn configure(&self, _: &Context<()>, config: Value) -> Result<Shared, Diagnostics> {
        #[derive(Deserialize)]
        struct Config {
            folder: Field<PathBuf>,
        }
        let config: Config = config.to()?;
        Ok(Shared {
            // Unknown during some plans; nothing is written then.
            folder: config.folder.into_known().unwrap_or_default(),
        })
    }

    fn resources(&self) -> Vec<Box<dyn Resource<Shared>>> {
        vec![Box::new(Note)]
    }

    fn data_sources(&self) -> Vec<Box<dyn DataSource<Shared>>> {
        vec![Box::new(Lookup)]
    }

    fn list_resources(&self) -> Vec<Box<dyn ListResource<Shared>>> {
        vec![Box::new(List)]
    }

    fn functions(&self) -> Vec<Box<dyn Function>> {
        vec![Box::new(Title)]
    }
}
