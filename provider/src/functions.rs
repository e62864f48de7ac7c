//! The provider's functions.

use lambda::filters::{Filter, Filters, InvalidFilter, Selection};
use lambda::grammar::is_attached;
use lambda::tag_suffix::{InvalidTagSuffix, TagSuffix};
use soci::ImageReference;
use tfplugin_sdk::{Function, FunctionError, Parameter, Signature, Type, Value};

/// `filter_matches(filters, repository, tag, options...)`, which returns the decision of the event
/// filter.
pub(crate) struct FilterMatches;

/// Options of `filter_matches`, by the names of the builder's arguments.
const EXCLUDED: &str = "excluded_image_tag_filters";
const TAG_SUFFIX: &str = "tag_suffix";

impl Function for FilterMatches {
    fn name(&self) -> &str {
        "filter_matches"
    }

    fn signature(&self) -> Signature {
        Signature::new(Type::Bool)
            .summary("Whether an image would be indexed when it is pushed.")
            .description(
                "Returns whether at least one filter and no exclusion matches an image, \
                 exactly as the event filter of a `soci_index_builder` decides. It is false for \
                 the tags of signatures and other referrers, `sha256-<hex>` and \
                 `sha256-<hex>.sig`, `.att` or `.sbom`. For checking filters before they are \
                 deployed.",
            )
            .parameter(
                Parameter::new("filters", Type::list(Type::String)).description(
                    "Filters of the form `repository:tag`. `*` stands for any number of \
                     characters, `?` for one.",
                ),
            )
            .parameter(
                Parameter::new("repository", Type::String)
                    .description("Name of the repository, without the registry."),
            )
            .parameter(Parameter::new("tag", Type::String).description(
                "Tag of the image; an empty string for an image that is pushed without a tag.",
            ))
            .variadic(Parameter::new("options", Type::Dynamic).description(
                "One object with any of `excluded_image_tag_filters` (list of string: filters of \
                 images that are not indexed) and `tag_suffix` (string: tags that end in it are \
                 not indexed), as in `soci_index_builder`. Without it nothing is excluded.",
            ))
    }

    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        let text = |index: usize| arguments.get(index).and_then(Value::as_str).unwrap_or("");
        let filters = arguments.first().unwrap_or(&Value::Null);
        let filters = parse_filters(filters).map_err(|it| FunctionError::new(it).argument(0))?;
        let options = Options::read(&arguments[arguments.len().min(3)..])
            .map_err(|(index, reason)| FunctionError::new(reason).argument(3 + index))?;
        let (repository, tag) = (text(1), text(2));
        if let Some((name, rest)) = repository.split_once(':') {
            let reason = format!(
                "got {repository:?}, which has a colon; write {name:?} here and {rest:?} as the \
                 tag"
            );
            return Err(FunctionError::new(reason).argument(1));
        }
        if tag.contains(':') {
            let reason = format!("got {tag:?}, which has a colon; a tag has none");
            return Err(FunctionError::new(reason).argument(2));
        }
        let is_output = options.suffix.is_some_and(|suffix| suffix.ends(tag));
        let selection = Selection::new(filters, options.excluded);
        let is_image = !is_output && !is_attached(tag);
        Ok((is_image && selection.decide(repository, tag).is_ok()).into())
    }
}

/// The decoded options: images that are excluded.
#[derive(Default)]
struct Options {
    excluded: Filters,
    suffix: Option<TagSuffix>,
}

impl Options {
    /// Reads the additional arguments. Errors include the index of the argument.
    fn read(arguments: &[Value]) -> Result<Self, (usize, String)> {
        let options = match arguments {
            [] => return Ok(Self::default()),
            [Value::Dynamic(options)] => &options.1,
            [options] => options,
            [_, _, ..] => return Err((1, "got a second object of options; merge them".to_owned())),
        };
        let wrong = |reason: String| (0, reason);
        let names = format!("an object with any of {EXCLUDED} and {TAG_SUFFIX}");
        let known = options.as_map();
        let known = known.ok_or_else(|| wrong(format!("not an object; write {names}")))?;
        let is_known = |name: &str| [EXCLUDED, TAG_SUFFIX].contains(&name);
        if let Some(name) = known.keys().find(|name| !is_known(name)) {
            let name: String = name.chars().take(100).collect();
            return Err(wrong(format!("got the option {name:?}; want {names}")));
        }
        let excluded = parse_filters(options.get(EXCLUDED))
            .map_err(|reason| wrong(format!("{EXCLUDED}: {reason}")))?;
        let suffix = match options.get(TAG_SUFFIX) {
            Value::Null => None,
            Value::String(text) => Some(
                text.parse()
                    .map_err(|it: InvalidTagSuffix| wrong(it.to_string()))?,
            ),
            _ => return Err(wrong(format!("{TAG_SUFFIX}: not a string"))),
        };
        Ok(Self { excluded, suffix })
    }
}

/// Reads a list of filters; empty if it is null.
fn parse_filters(filters: &Value) -> Result<Filters, String> {
    let items: &[Value] = match filters {
        Value::Null => &[],
        filters => filters.as_list().ok_or("not a list of strings")?,
    };
    let items = items.iter().map(|filter| match filter {
        Value::Null => Err("a filter is null; leave it out".to_owned()),
        filter => {
            let text = filter.as_str().ok_or("not a list of strings")?;
            text.parse().map_err(|it: InvalidFilter| it.to_string())
        }
    });
    let filters: Vec<Filter> = items.collect::<Result<_, _>>()?;
    Ok(filters.into_iter().collect())
}

/// `parse_image(reference)`, which returns the parts of an image reference.
pub(crate) struct ParseImage;

impl Function for ParseImage {
    fn name(&self) -> &str {
        "parse_image"
    }

    fn signature(&self) -> Signature {
        let parts = [
            "digest",
            "name",
            "reference",
            "registry",
            "repository",
            "tag",
        ];
        let parts = parts.map(|part| (part.to_owned(), Type::String));
        Signature::new(Type::Object(parts.into_iter().collect()))
            .summary("The parts of an image reference.")
            .description(
                "Parses an image reference as the provider does. Returns an object with \
                 `registry` (such as `registry.example.com`), `repository` (such as `shop/web`), \
                 `name` (both, with a slash between), `tag` (null with a digest alone; `latest` \
                 if neither is given), `digest` (or null), and `reference` (complete, with \
                 all defaults).",
            )
            .parameter(Parameter::new("reference", Type::String).description(
                "Image reference: `host/repository:tag`, `host/repository@digest`, or a short \
                 name of Docker Hub such as `debian`.",
            ))
    }

    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        let text = arguments.first().and_then(Value::as_str).unwrap_or("");
        let image: ImageReference = text.parse().map_err(|error: soci::InvalidReference| {
            FunctionError::new(error.to_string()).argument(0)
        })?;
        let or_null = |part: Option<String>| part.map_or(Value::Null, Value::from);
        Ok(Value::object([
            ("digest", or_null(image.digest().map(|d| d.to_string()))),
            ("name", image.name().into()),
            ("reference", image.to_string().into()),
            ("registry", image.registry().into()),
            ("repository", image.repository().into()),
            ("tag", or_null(image.tag().map(str::to_owned))),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_as_in_the_event_filter() {
        let call = |filters: &[&str], repository: &str, tag: &str| {
            let filters = filters.iter().map(|&filter| filter.into()).collect();
            FilterMatches.call(vec![Value::List(filters), repository.into(), tag.into()])
        };
        assert_eq!(
            call(&["a:*", "shop/*:1.*"], "shop/web", "1.4"),
            Ok(true.into())
        );
        assert_eq!(call(&["shop/*:1.*"], "shop/web", "2"), Ok(false.into()));
        assert_eq!(call(&[], "shop/web", "2"), Ok(false.into()));
        assert_eq!(call(&["*:*"], "shop/web", ""), Ok(true.into()));
        let attached = format!("sha256-{}.sig", "0".repeat(64));
        assert_eq!(call(&["*:*"], "shop/web", &attached), Ok(false.into()));
        assert_eq!(call(&["*:*"], "shop/web", "sha256-0.sig"), Ok(true.into()));
        for (filters, repository, tag, want) in [
            (&["web"][..], "web", "1", "write repository:tag"),
            (&["*:*"], "web:1", "", "write \"web\" here and \"1\""),
            (&["*:*"], "web", "a:b", "a tag has none"),
        ] {
            let error = call(filters, repository, tag).expect_err(want).to_string();
            assert!(error.contains(want), "{error}");
        }
        let null = FilterMatches.call(vec![Value::List(vec![Value::Null]), "a".into(), "b".into()]);
        assert!(null.is_err());
    }

    #[test]
    fn exclusions_and_the_suffix_count_if_they_are_given() {
        let call = |tag: &str, options: Vec<Value>| {
            let filters = Value::List(vec!["*:*".into()]);
            FilterMatches.call([vec![filters, "a".into(), tag.into()], options].concat())
        };
        let excluded = Value::List(vec!["b:*".into(), "*:*-dev".into()]);
        let excluded = Value::object([(EXCLUDED, excluded)]);
        let suffix = Value::object([(TAG_SUFFIX, "-lazy".into()), (EXCLUDED, Value::Null)]);
        for (tag, options, want) in [
            ("1-dev", vec![], true),
            ("1-dev", vec![excluded.clone()], false),
            ("1", vec![excluded.clone()], true),
            ("1-soci", vec![excluded.clone()], true),
            ("1-lazy", vec![suffix.clone()], false),
            (
                "1",
                vec![Value::Dynamic(Box::new((Type::Dynamic, suffix)))],
                true,
            ),
        ] {
            assert_eq!(call(tag, options), Ok(want.into()), "{tag}");
        }
        let option = |name: &str, value: Value| vec![Value::object([(name, value)])];
        for (options, want) in [
            (
                vec!["-soci".into()],
                "not an object; write an object with any of",
            ),
            (
                option("suffix", "-soci".into()),
                "got the option \"suffix\"; want",
            ),
            (option(TAG_SUFFIX, "/".into()), "tag suffix: got \"/\""),
            (option(TAG_SUFFIX, true.into()), "tag_suffix: not a string"),
            (option(EXCLUDED, "a:*".into()), "not a list of strings"),
            (
                option(EXCLUDED, Value::List(vec!["a".into()])),
                "excluded_image_tag_filters: filter \"a\": has no colon",
            ),
            (vec![excluded.clone(), excluded], "a second object"),
        ] {
            let error = call("1", options).expect_err(want);
            assert!(error.to_string().contains(want), "{error}");
            assert!(error.faulty_argument() >= Some(3), "{error}");
        }
    }

    #[test]
    fn references_are_taken_apart() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let pinned = format!("r.test:5000/shop/web:1@{digest}");
        for (text, registry, repository, tag, want) in [
            (
                "debian",
                "docker.io",
                "library/debian",
                "latest".into(),
                Value::Null,
            ),
            ("r.test/a:1", "r.test", "a", "1".into(), Value::Null),
            (
                &*pinned,
                "r.test:5000",
                "shop/web",
                "1".into(),
                digest.as_str().into(),
            ),
        ] {
            let image = ParseImage.call(vec![text.into()]).expect(text);
            assert_eq!(*image.get("registry"), registry.into());
            assert_eq!(*image.get("repository"), repository.into());
            assert_eq!(
                *image.get("name"),
                format!("{registry}/{repository}").into()
            );
            assert_eq!(
                (image.get("tag"), image.get("digest")),
                (&tag, &want),
                "{text}"
            );
            let whole = image.get("reference").as_str().expect("always known");
            let again = ParseImage.call(vec![whole.into()]).expect(whole);
            assert_eq!(again, image);
        }
        let error = ParseImage.call(vec!["https://r.test/a".into()]);
        assert!(
            error
                .expect_err("no reference")
                .to_string()
                .contains("scheme")
        );
    }
}
