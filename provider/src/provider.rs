//! The provider: its configuration, resources, data sources, list resources, actions and
//! functions.

use tfplugin_sdk::{
    Action, Context, DataSource, Diagnostics, Function, ListResource, Provider, Resource, Schema,
    Value, async_trait,
};

use crate::builder::{Builders, IndexBuilder, Sweep};
use crate::functions::{FilterMatches, ParseImage};
use crate::index::{BuildIndex, Index, IndexData, Indexes};
use crate::shared::Shared;
use crate::{aws, credentials, memory};

/// The provider `soci`.
pub(crate) struct SociProvider;

#[async_trait]
impl Provider for SociProvider {
    type Data = Shared;

    fn name(&self) -> &str {
        "soci"
    }

    fn address(&self) -> String {
        "registry.terraform.io/soci/soci".to_owned()
    }

    fn schema(&self) -> Schema {
        aws::schema::add_to(Schema::new())
            .attribute("memory_limit", memory::attribute())
            .block("registry_auth", credentials::block())
            .description(
                "Builds SOCI (Seekable OCI) indexes, which let container hosts start large \
                 images before they are fully downloaded.",
            )
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let mut found = aws::schema::validate(config);
        found.extend(credentials::validate(config));
        found
    }

    async fn configure(&self, _: &Context<()>, config: Value) -> Result<Shared, Diagnostics> {
        Ok(Shared::new(&config)?)
    }

    fn resources(&self) -> Vec<Box<dyn Resource<Shared>>> {
        vec![Box::new(Index), Box::new(IndexBuilder)]
    }

    fn list_resources(&self) -> Vec<Box<dyn ListResource<Shared>>> {
        vec![Box::new(Indexes), Box::new(Builders)]
    }

    fn actions(&self) -> Vec<Box<dyn Action<Shared>>> {
        vec![Box::new(BuildIndex), Box::new(Sweep)]
    }

    fn functions(&self) -> Vec<Box<dyn Function>> {
        vec![Box::new(FilterMatches), Box::new(ParseImage)]
    }

    fn data_sources(&self) -> Vec<Box<dyn DataSource<Shared>>> {
        vec![Box::new(IndexData)]
    }
}
