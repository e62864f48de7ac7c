//! The generator's settings, from environment variables and its memory size.

use soci::{MemoryBudget, Options, Version};

use crate::completion::is_bus_name;
use crate::ecr;
use crate::environment::{
    COMPLETION_EVENT_BUS, DELETE_WITH_SOURCE, MIN_LAYER_SIZE, MULTI_MEMBER_LAYERS, OCI_LAYER_TYPES,
    OPTIMIZATIONS, PLATFORMS, PREFETCH_FILES, SPAN_SIZE, TAG_UNINDEXED, ZTOC_TABLE,
};
use crate::limits::{
    DEFAULT_MIN_LAYER_SIZE, DEFAULT_SPAN_SIZE, MAX_PREFETCH_FILES, MAX_SPAN_SIZE, MIN_SPAN_SIZE,
};
use crate::scope::{IndexVersion, Scope};
use crate::source::Sources;
use crate::variables::{self, InvalidVariable, Lookup, Variable};
use crate::ztoc_table;

/// Memory per concurrently read layer, in MB. A layer is read about as fast as half a CPU inflates
/// it, so more than two per CPU would wait for each other. Lambda provides a CPU per 1,769 MB;
/// smaller functions wait for the network.
const MEMORY_PER_LAYER: u64 = 512;
const MAX_CONCURRENCY: u64 = 8;

#[derive(Debug)]
pub(super) struct Config {
    pub options: Options,
    pub scope: Scope,
    /// Whether the output's tag names the image itself if no layer can be indexed (V2).
    pub tag_unindexed: bool,
    /// Whether the SOCI-enabled image is removed when its source's tag is deleted (V2).
    pub delete_with_source: bool,
    /// Name of the table in which layers are remembered, if any.
    pub ztoc_table: Option<String>,
    /// Name of the event bus to which outcomes are reported, if any.
    pub completion_bus: Option<String>,
    /// URL of the Amazon ECR API, if it is not the region's default.
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
        let truth = |name, default| variables::truth(lookup, name, default);
        let tag_unindexed = truth(TAG_UNINDEXED, true)?;
        options.multi_member_layers = truth(MULTI_MEMBER_LAYERS, false)?;
        options.oci_layer_types = truth(OCI_LAYER_TYPES, false)?;
        let platforms = Variable::read(lookup, PLATFORMS);
        let want = "platforms such as \"linux/amd64\", separated by commas";
        options.platforms = platforms.parse_or(Vec::new(), want, |list| {
            list.split(',').map(|text| text.parse().ok()).collect()
        })?;
        // A builder serves many images, which do not all have the same platforms.
        options.allow_missing_platforms = true;
        let optimizations = Variable::read(lookup, OPTIMIZATIONS);
        options.optimize_xattrs =
            optimizations.parse_or(false, "xattr", |list| (list == "xattr").then_some(true))?;
        let files = Variable::read(lookup, PREFETCH_FILES);
        let want = format!("a JSON list of at most {MAX_PREFETCH_FILES} paths of files");
        options.ztoc.prefetch_files = files.parse_or(Vec::new(), want, |list| {
            let files: Vec<String> = serde_json::from_str(list).ok()?;
            let fits = files.len() <= MAX_PREFETCH_FILES && !files.iter().any(String::is_empty);
            fits.then_some(files)
        })?;
        let table = Variable::read(lookup, ZTOC_TABLE);
        let ztoc_table = table.parse_or(None, "the name of a DynamoDB table", |name| {
            ztoc_table::is_name(name).then(|| Some(name.to_owned()))
        })?;
        let bus = Variable::read(lookup, COMPLETION_EVENT_BUS);
        let completion_bus = bus.parse_or(None, "the name of an event bus", |name| {
            is_bus_name(name).then(|| Some(name.to_owned()))
        })?;
        Ok(Self {
            options,
            scope: Scope {
                // The invoker has already decided on this.
                sources: Sources::every(),
                version: Some(version),
                suffix: variables::tag_suffix(lookup)?,
            },
            tag_unindexed,
            delete_with_source: truth(DELETE_WITH_SOURCE, false)?,
            ztoc_table,
            completion_bus,
            ecr_endpoint: ecr::endpoint(lookup)?,
        })
    }
}

/// Returns how many layers a function with this much memory (in MB) reads concurrently.
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
        assert!(config.tag_unindexed && !config.delete_with_source);
        assert!(!config.options.multi_member_layers && !config.options.oci_layer_types);
        assert!(config.options.platforms.is_empty() && config.options.allow_missing_platforms);
        assert!(!config.options.optimize_xattrs);
        assert!(config.options.ztoc.prefetch_files.is_empty());
        assert_eq!(
            (
                config.scope.suffix.as_str(),
                config.ecr_endpoint,
                config.ztoc_table
            ),
            ("-soci", None, None)
        );
        assert_eq!(config.completion_bus, None);
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
            (PLATFORMS, "linux/amd64,linux/arm64/v8"),
            (OPTIMIZATIONS, "xattr"),
            (PREFETCH_FILES, r#"["/usr/bin/app","/a, b"]"#),
            (DELETE_WITH_SOURCE, "true"),
            ("soci_tag_suffix", ".lazy"),
            (ZTOC_TABLE, "images-ztocs"),
            (COMPLETION_EVENT_BUS, "default"),
            (ECR_ENDPOINT, "vpce-1.api.ecr.eu-west-1.vpce.amazonaws.com"),
        ]);
        let config = config.unwrap();
        assert_eq!(config.options.version, Version::V1);
        assert_eq!(config.options.ztoc.span_size, 65536);
        assert_eq!(config.options.min_layer_size, 0);
        assert!(!config.tag_unindexed && config.delete_with_source);
        assert!(config.options.multi_member_layers && config.options.oci_layer_types);
        let platforms = config.options.platforms.iter().map(ToString::to_string);
        assert_eq!(Vec::from_iter(platforms), ["linux/amd64", "linux/arm64/v8"]);
        assert!(config.options.optimize_xattrs);
        assert_eq!(
            config.options.ztoc.prefetch_files,
            ["/usr/bin/app", "/a, b"]
        );
        assert_eq!(config.scope.suffix.as_str(), ".lazy");
        assert_eq!(config.ztoc_table.as_deref(), Some("images-ztocs"));
        assert_eq!(config.completion_bus.as_deref(), Some("default"));
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
            (PLATFORMS, "amd64", "want platforms such as \"linux/amd64\""),
            (OPTIMIZATIONS, "xattr,all", "want xattr"),
            (
                PREFETCH_FILES,
                "/usr/bin/app",
                "want a JSON list of at most 1000",
            ),
            (PREFETCH_FILES, r#"["/a", ""]"#, "want a JSON list"),
            (DELETE_WITH_SOURCE, "on", "want true or false"),
            (ZTOC_TABLE, "a/b", "want the name of a DynamoDB table"),
            (COMPLETION_EVENT_BUS, "a:b", "want the name of an event bus"),
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
        // Small functions have a small budget, and so do larger ones whose memory size is not
        // stated.
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
