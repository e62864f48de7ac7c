//! The provider's functions.

use lambda::filters::{Filter, any_matches};
use soci::ImageReference;
use tfplugin_sdk::{Function, FunctionError, Parameter, Signature, Type, Value};

/// `filter_matches(filters, repository, tag)`: the decision of the event filter.
pub(crate) struct FilterMatches;

impl Function for FilterMatches {
    fn name(&self) -> &str {
        "filter_matches"
    }

    fn signature(&self) -> Signature {
        Signature::new(Type::Bool)
            .summary("Whether an image would be indexed when it is pushed.")
            .description(
                "Returns whether one of the filters matches an image, exactly as the event filter \
                 of a `soci_index_builder` decides it. For checking filters before they are \
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
    }

    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        let text = |index: usize| arguments.get(index).and_then(Value::as_str).unwrap_or("");
        let filters = arguments.first().and_then(Value::as_list);
        let filters: Vec<Filter> = filters
            .unwrap_or_default()
            .iter()
            .map(|filter| {
                let refuse = |reason| FunctionError::new(reason).argument(0);
                let filter = filter.as_str().ok_or("a filter is null; leave it out");
                let filter = filter.map_err(|reason| refuse(reason.to_owned()))?;
                filter
                    .parse()
                    .map_err(|error: lambda::filters::InvalidFilter| refuse(error.to_string()))
            })
            .collect::<Result<_, _>>()?;
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
        Ok(any_matches(&filters, repository, tag).into())
    }
}

/// `parse_image(reference)`: the parts of an image reference.
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
        let image: ImageReference = text
            .parse()
            .map_err(|error: soci::Error| FunctionError::new(error.to_string()).argument(0))?;
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
