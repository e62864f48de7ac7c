//! The generator's settings, from its environment variables and its memory.

use soci::{MemoryBudget, Options, Version};

use crate::ecr;
use crate::environment::{
    MIN_LAYER_SIZE, MULTI_MEMBER_LAYERS, OCI_LAYER_TYPES, SPAN_SIZE, TAG_UNINDEXED, ZTOC_TABLE,
};
use crate::limits::{DEFAULT_MIN_LAYER_SIZE, DEFAULT_SPAN_SIZE, MAX_SPAN_SIZE, MIN_SPAN_SIZE};
use crate::scope::{IndexVersion, Scope};
use crate::variables::{self, InvalidVariable, Lookup, Variable};
use crate::ztoc_table;

/// A layer is read about as fast as half a CPU inflates it: more than two for each CPU would
/// wait for each other. Lambda gives a CPU for each 1,769 MB; smaller ones wait for the network.
const MEMORY_PER_LAYER: u64 = 512;
const MAX_CONCURRENCY: u64 = 8;

#[derive(Debug)]
pub(super) struct Config {
    pub options: Options,
    pub scope: Scope,
    /// Whether the output's tag names the image itself where no layer can be indexed (V2).
    pub tag_unindexed: bool,
    /// Name of the table in which layers are remembered, if they are.
    pub ztoc_table: Option<String>,
    /// URL of the Amazon ECR API, if it is not the region's own.
    pub ecr_endpoint: Option<String>,
}

impl Config {
    pub(super) fn read(lookup: Lookup<'_>) -> Result<Self, InvalidVariable> {
        let mut options = Options::default();
        let version = variables::index_version(lookup)?.unwrap_or(IndexVersion::V2);
        options.version = match version {
            IndexVersion::V1 => Version::V1,
            IndexVersion::V2 => Version::V2,
        };
        let want = format!("bytes between {MIN_SPAN_SIZE} (64 KiB) and {MAX_SPAN_SIZE} (1 GiB)");
        let span_size = Variable::read(lookup, SPAN_SIZE);
        options.ztoc.span_size = span_size.parse_or(DEFAULT_SPAN_SIZE, want, |size| {
            let size = size.parse().ok();
            size.filter(|size| (MIN_SPAN_SIZE..=MAX_SPAN_SIZE).contains(size))
        })?;
        let want = "a number of bytes, 0 for every layer";
        let min_layer_size = Variable::read(lookup, MIN_LAYER_SIZE);
        options.min_layer_size =
            min_layer_size.parse_or(DEFAULT_MIN_LAYER_SIZE, want, |size| size.parse().ok())?;
        let memory = Variable::read(lookup, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
        let memory: u32 =
            memory.parse_or(128, "the function's memory in MB", |size| size.parse().ok())?;
        let memory = u64::from(memory);
        options.concurrency = concurrency(memory);
        options.ztoc.memory = MemoryBudget::of_process(memory << 20);
        let truth = |name, default| {
            let variable = Variable::read(lookup, name);
            variable.parse_or(default, "true or false", |text| text.parse().ok())
        };
        let tag_unindexed = truth(TAG_UNINDEXED, true)?;
        options.multi_member_layers = truth(MULTI_MEMBER_LAYERS, false)?;
        options.oci_layer_types = truth(OCI_LAYER_TYPES, false)?;
        let table = Variable::read(lookup, ZTOC_TABLE);
        let ztoc_table = table.parse_or(None, "the name of a DynamoDB table", |name| {
            ztoc_table::is_name(name).then(|| Some(name.to_owned()))
        })?;
        Ok(Self {
            options,
            scope: Scope {
                version: Some(version),
                suffix: variables::tag_suffix(lookup)?,
            },
            tag_unindexed,
            ztoc_table,
            ecr_endpoint: ecr::endpoint(lookup)?,
        })
    }
}

/// Returns how many layers a function with so much memory (MB) reads at the same time.
fn concurrency(memory: u64) -> usize {
    (memory / MEMORY_PER_LAYER).clamp(1, MAX_CONCURRENCY) as usize
}

#[cfg(test)]
mod tests {
    use soci::oci::media_type;

    use super::*;
    use crate::environment::{ECR_ENDPOINT, INDEX_VERSION};

    fn config(variables: &[(&str, &str)]) -> Result<Config, InvalidVariable> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Config::read(&lookup)
    }

    #[test]
    fn defaults_are_those_of_soci() {
        let config = config(&[("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")]).unwrap();
        let soci = Options::default();
        assert_eq!(config.options.version, Version::V2);
        assert_eq!(config.options.ztoc.span_size, soci.ztoc.span_size);
        assert_eq!(config.options.min_layer_size, soci.min_layer_size);
        assert!(config.tag_unindexed);
        assert!(!config.options.multi_member_layers && !config.options.oci_layer_types);
        assert_eq!(
            (
                config.scope.suffix.as_str(),
                config.ecr_endpoint,
                config.ztoc_table
            ),
            ("-soci", None, None)
        );
        let indexes = [media_type::SOCI_INDEX_V1, media_type::SOCI_INDEX_V2];
        assert_eq!(crate::scope::SOCI_INDEXES, indexes);
    }

    #[test]
    fn settings() {
        let config = config(&[
            (INDEX_VERSION, "V1"),
            (SPAN_SIZE, "65536"),
            (MIN_LAYER_SIZE, "0"),
            (TAG_UNINDEXED, "false"),
            (MULTI_MEMBER_LAYERS, "true"),
            (OCI_LAYER_TYPES, "true"),
            ("soci_tag_suffix", ".lazy"),
            (ZTOC_TABLE, "images-ztocs"),
            (ECR_ENDPOINT, "vpce-1.api.ecr.eu-west-1.vpce.amazonaws.com"),
        ]);
        let config = config.unwrap();
        assert_eq!(config.options.version, Version::V1);
        assert_eq!(config.options.ztoc.span_size, 65536);
        assert_eq!(config.options.min_layer_size, 0);
        assert!(!config.tag_unindexed);
        assert!(config.options.multi_member_layers && config.options.oci_layer_types);
        assert_eq!(config.scope.suffix.as_str(), ".lazy");
        assert_eq!(config.ztoc_table.as_deref(), Some("images-ztocs"));
        let endpoint = config.ecr_endpoint.unwrap();
        assert_eq!(
            endpoint,
            "https://vpce-1.api.ecr.eu-west-1.vpce.amazonaws.com"
        );
    }

    #[test]
    fn invalid_settings_are_refused() {
        for (name, value, want) in [
            (INDEX_VERSION, "v2", "got \"v2\", want V1 or V2"),
            (SPAN_SIZE, "4 MiB", "got \"4 MiB\", want bytes between"),
            (SPAN_SIZE, "1", "got \"1\""),
            (MIN_LAYER_SIZE, "-1", "want a number of bytes"),
            (TAG_UNINDEXED, "no", "want true or false"),
            (MULTI_MEMBER_LAYERS, "1", "want true or false"),
            (OCI_LAYER_TYPES, "yes", "want true or false"),
            (ZTOC_TABLE, "a/b", "want the name of a DynamoDB table"),
            ("soci_tag_suffix", "a b", "want 1 to 64 letters"),
            (ECR_ENDPOINT, "http://ecr.test", "want an https URL"),
            (ECR_ENDPOINT, "https://", "want an https URL"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "much", "memory in MB"),
        ] {
            let error = config(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(want), "{error}");
        }
    }

    #[test]
    fn memory() {
        // Smaller functions have a small budget, and so have larger ones that are not told.
        for (memory, layers, budget) in [
            ("", 1, 64 << 20),
            ("128", 1, 64 << 20),
            ("512", 1, 448 << 20),
            ("1769", 3, 1705 << 20),
            ("10240", 8, 10176 << 20),
        ] {
            let variables = [("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory)];
            let set = usize::from(!memory.is_empty());
            let options = config(&variables[..set]).unwrap().options;
            let got = (options.concurrency, options.ztoc.memory.limit());
            assert_eq!(got, (layers, budget), "{memory}");
        }
    }
}
