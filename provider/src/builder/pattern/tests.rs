use lambda::filters::{Filters, Selection};

use super::*;

fn parse(filters: &[impl AsRef<str>]) -> Vec<Filter> {
    let filters = filters.iter().map(|text| text.as_ref().parse());
    filters.collect::<Result<_, _>>().unwrap()
}

fn scope(version: &str) -> Scope {
    Scope {
        sources: Sources::default(),
        version: version.parse().ok(),
        suffix: lambda::tag_suffix::TagSuffix::default(),
    }
}

/// Returns the pattern for filters, with the default version and suffix.
fn pattern_of(filters: &[impl AsRef<str>]) -> String {
    pattern(&parse(filters), &[], &scope("V2"), false)
}

/// Evaluates a pattern like EventBridge, as far as needed here.
fn passes(pattern: &Json, event: &Json) -> bool {
    let Some(fields) = pattern.as_object() else {
        return false;
    };
    fields.iter().all(|(name, want)| match want {
        Json::Array(either) if name == "$or" => either.iter().any(|want| passes(want, event)),
        Json::Array(conditions) => conditions.iter().any(|want| holds(want, event.get(name))),
        Json::Object(_) => passes(want, &event[name]),
        _ => false,
    })
}

fn holds(condition: &Json, value: Option<&Json>) -> bool {
    let Some(condition) = condition.as_object() else {
        return value == Some(condition);
    };
    let (kind, want) = condition.iter().next().expect("a condition");
    if kind == "exists" {
        return want == &Json::Bool(value.is_some());
    }
    let Some(value) = value.and_then(Json::as_str) else {
        return false;
    };
    let any = |check: &dyn Fn(&str) -> bool| match want {
        Json::Array(texts) => texts.iter().filter_map(Json::as_str).any(check),
        text => check(text.as_str().unwrap_or_default()),
    };
    match kind.as_str() {
        "prefix" => any(&|text| value.starts_with(text)),
        "suffix" => any(&|text| value.ends_with(text)),
        "anything-but" if want.is_array() => !any(&|text| value == text),
        "anything-but" => !holds(want, Some(&json!(value))),
        _ => panic!("{kind}"),
    }
}

fn event(repository: &str, tag: Option<&str>) -> Json {
    let mut event = json!({
        "source": "aws.ecr",
        "detail-type": "ECR Image Action",
        "detail": {
            "action-type": "PUSH",
            "result": "SUCCESS",
            "repository-name": repository,
        },
    });
    if let Some(tag) = tag {
        event["detail"]["image-tag"] = json!(tag);
    }
    event
}

fn detail(filters: &[&str]) -> Json {
    detail_of(&pattern_of(filters))
}

fn detail_of(pattern: &str) -> Json {
    let mut pattern: Json = serde_json::from_str(pattern).unwrap();
    let mut detail = pattern["detail"].take();
    let fields = detail.as_object_mut().unwrap();
    fields.remove("action-type");
    fields.remove("result");
    detail
}

#[test]
fn conditions_are_as_narrow_as_they_can_be() {
    let any = json!([{"anything-but": {"suffix": "-soci"}}]);
    for (filters, want) in [
        (vec!["*:*"], json!({"image-tag": any})),
        (
            vec!["a:*"],
            json!({"repository-name": ["a"], "image-tag": any}),
        ),
        (
            vec!["a:1", "b:1", "c/*:1"],
            json!({"repository-name": ["a", "b", {"prefix": "c/"}], "image-tag": ["1"]}),
        ),
        (
            vec!["a:1", "a:2"],
            json!({"repository-name": ["a"], "image-tag": ["1", "2"]}),
        ),
        (
            vec!["*/a:v*"],
            json!({"repository-name": [{"suffix": "/a"}], "image-tag": [{"prefix": "v"}]}),
        ),
        (vec!["*:*", "a:*"], json!({"image-tag": any})),
        (
            vec!["a?c:*-rc"],
            json!({"repository-name": [{"prefix": "a"}], "image-tag": [{"suffix": "-rc"}]}),
        ),
        (
            vec!["a:1", "b:2"],
            json!({"$or": [
                {"repository-name": ["a"], "image-tag": ["1"]},
                {"repository-name": ["b"], "image-tag": ["2"]},
            ]}),
        ),
    ] {
        assert_eq!(detail(&filters), want, "{filters:?}");
    }
}

#[test]
fn exclusions_are_part_of_it_where_no_other_condition_is() {
    let own = json!([{"anything-but": {"suffix": "-soci"}}]);
    let without = |repositories: Json| json!([{"anything-but": repositories}]);
    for (filters, excluded, want) in [
        (
            vec!["*:*"],
            vec!["*:*-dev", "tools/*:*", "base:*", "cli:*"],
            json!({
                "repository-name": without(json!(["base", "cli"])),
                "image-tag": [{"anything-but": {"suffix": ["-dev", "-soci"]}}],
            }),
        ),
        (
            vec!["*:v*"],
            vec!["tools/*:*", "*/test:*", "*:*-dev"],
            json!({
                "repository-name": without(json!({"prefix": ["tools/"]})),
                "image-tag": [{"prefix": "v"}],
            }),
        ),
        (
            vec!["a:*"],
            vec!["a:1", "*:latest", "*/test:*", "a*b:*", "*:?-dev"],
            json!({"repository-name": ["a"], "image-tag": own}),
        ),
        (
            vec!["a:*", "*:v*"],
            vec!["b/*:*"],
            json!({"$or": [
                {"repository-name": without(json!({"prefix": ["b/"]})), "image-tag": [{"prefix": "v"}]},
                {"repository-name": ["a"], "image-tag": own},
            ]}),
        ),
        (vec!["*:*"], vec!["*:*"], json!({"image-tag": own})),
    ] {
        let text = pattern(&parse(&filters), &parse(&excluded), &scope("V2"), false);
        assert_eq!(detail_of(&text), want, "{filters:?} without {excluded:?}");
    }
    // If there are too many, they are left to the event filter.
    let many: Vec<String> = (0..200).map(|n| format!("repository-{n}:*")).collect();
    let text = pattern(&parse(&["*:v*"]), &parse(&many), &scope("V2"), false);
    assert_eq!(detail_of(&text), json!({"image-tag": [{"prefix": "v"}]}));
}

#[test]
fn images_without_a_tag_pass_for_version_1_only() {
    let filters = parse(&["*:*"]);
    for (version, want) in [("V1", true), ("V2", false)] {
        let pattern = pattern(&filters, &[], &scope(version), true);
        let pattern: Json = serde_json::from_str(&pattern).unwrap();
        assert_eq!(passes(&pattern, &event("a", None)), want, "{version}");
        assert!(passes(&pattern, &event("a", Some(""))));
        assert!(!passes(&pattern, &event("a", Some("1-soci"))));
    }
}

#[test]
fn deletions_pass_where_they_concern_the_builder() {
    for (with_deletions, sources) in [
        (false, "push"),
        (true, "push"),
        (true, "replication"),
        (true, "pull_through_cache"),
        (true, "push,pull_through_cache,replication"),
    ] {
        let scope = Scope {
            sources: Sources::parse(sources).unwrap(),
            ..scope("V2")
        };
        let text = pattern(&parse(&["*:*"]), &[], &scope, with_deletions);
        let pattern: Json = serde_json::from_str(&text).unwrap();
        let mut event = event("a", Some("1"));
        let are_pushes = sources.contains("push");
        assert_eq!(passes(&pattern, &event), are_pushes, "{text}");
        event["detail"]["action-type"] = json!("DELETE");
        assert_eq!(passes(&pattern, &event), with_deletions, "{text}");
        event["detail"]["image-tag"] = json!("1-soci");
        assert!(!passes(&pattern, &event));
    }
}

#[test]
fn other_events_do_not_pass() {
    let pattern: Json = serde_json::from_str(&pattern_of(&["*:*"])).unwrap();
    for (pointer, value) in [
        ("/source", "aws.s3"),
        ("/detail-type", "ECR Image Scan"),
        ("/detail/action-type", "DELETE"),
        ("/detail/result", "FAILURE"),
    ] {
        let mut event = event("a", Some("1"));
        assert!(passes(&pattern, &event));
        *event.pointer_mut(pointer).unwrap() = json!(value);
        assert!(!passes(&pattern, &event), "{pointer}");
    }
}

#[test]
fn each_source_has_its_events() {
    let replicated = event("a", Some("1"));
    let edit = |mut event: Json, edits: &[(&str, Json)]| {
        for (pointer, value) in edits {
            *event.pointer_mut(pointer).unwrap() = value.clone();
        }
        event
    };
    let replicated = edit(
        replicated,
        &[
            ("/detail-type", json!("ECR Replication Action")),
            ("/detail/action-type", json!("REPLICATE")),
        ],
    );
    let mut cached = edit(
        event("a", Some("1")),
        &[("/detail-type", json!("ECR Pull Through Cache Action"))],
    );
    let detail = cached["detail"].as_object_mut().unwrap();
    detail.remove("action-type");
    detail.remove("result");
    detail.insert("sync-status".to_owned(), json!("SUCCESS"));
    let failed = [
        edit(
            event("a", Some("1")),
            &[("/detail/result", json!("FAILURE"))],
        ),
        edit(
            event("a", Some("1")),
            &[("/detail/action-type", json!("DELETE"))],
        ),
        edit(replicated.clone(), &[("/detail/result", json!("FAILED"))]),
        edit(cached.clone(), &[("/detail/sync-status", json!("FAILURE"))]),
    ];
    let events = [
        ("push", event("a", Some("1"))),
        ("replication", replicated),
        ("pull_through_cache", cached),
    ];
    for sources in [
        "push",
        "replication",
        "pull_through_cache",
        "push,replication",
        "push,pull_through_cache,replication",
    ] {
        let scope = Scope {
            sources: Sources::parse(sources).unwrap(),
            ..scope("V2")
        };
        let text = pattern(&parse(&["a:*"]), &[], &scope, false);
        let pattern: Json = serde_json::from_str(&text).unwrap();
        for (source, event) in &events {
            let want = sources.split(',').any(|it| it == *source);
            assert_eq!(passes(&pattern, event), want, "{sources}: {source} {text}");
        }
        for event in &failed {
            assert!(!passes(&pattern, event), "{sources}: {event} {text}");
        }
    }
}

/// A pseudo-random source with a fixed seed, so that failures can be reproduced.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap_or(0) % sides
    }

    fn text(&mut self, letters: &[u8], longest: usize) -> String {
        let length = 1 + self.roll(longest);
        (0..length)
            .map(|_| char::from(letters[self.roll(letters.len())]))
            .collect()
    }
}

#[test]
fn everything_that_a_filter_matches_passes() {
    let mut dice = Dice(7);
    let (mut matched, mut dropped) = (0, 0);
    for _ in 0..3000 {
        let count = 1 + dice.roll(4);
        let filters: Vec<String> = (0..count)
            .map(|_| format!("{}:{}", dice.text(b"ab/*?", 4), dice.text(b"12-*?", 4)))
            .collect();
        let excluded: Vec<String> = (0..dice.roll(4))
            .map(|_| {
                let repository = [dice.text(b"ab/*?", 3), "*".to_owned()];
                let tag = [dice.text(b"12-*?", 3), "*".to_owned()];
                format!("{}:{}", repository[dice.roll(2)], tag[dice.roll(2)])
            })
            .collect();
        let (parsed, parsed_excluded) = (parse(&filters), parse(&excluded));
        let text = pattern(&parsed, &parsed_excluded, &scope("V1"), true);
        let selection = Selection::new(
            Filters::from_iter(parsed),
            Filters::from_iter(parsed_excluded),
        );
        let pattern: Json = serde_json::from_str(&text).unwrap();
        for _ in 0..20 {
            let repository = dice.text(b"ab/", 4);
            let tag = match dice.roll(6) {
                0 => None,
                1 => Some(String::new()),
                2 => Some(dice.text(b"12-", 2) + "-soci"),
                _ => Some(dice.text(b"12-", 4)),
            };
            let tag = tag.as_deref();
            let wanted = selection
                .decide(&repository, tag.unwrap_or_default())
                .is_ok()
                && !tag.is_some_and(|tag| tag.ends_with("-soci"));
            let passed = passes(&pattern, &event(&repository, tag));
            assert!(
                passed || !wanted,
                "{filters:?} without {excluded:?}: {repository}:{tag:?} {text}"
            );
            matched += usize::from(wanted);
            dropped += usize::from(!passed);
        }
    }
    assert!(matched > 1000 && dropped > 1000, "{matched} {dropped}");
}

#[test]
fn a_pattern_is_never_too_long_nor_too_narrow() {
    let different = |count: usize| -> Vec<String> {
        (0..count)
            .map(|n| format!("team-{n}/image:release-{n}"))
            .collect()
    };
    let mut lengths = Vec::new();
    for count in [1, 10, 25, 30, 60, 100, 150] {
        let filters = different(count);
        let text = pattern_of(&filters);
        assert!(text.len() <= MAX_CHARACTERS, "{count}: {}", text.len());
        lengths.push(text.len());
        let pattern: Json = serde_json::from_str(&text).unwrap();
        for n in 0..count {
            let (repository, tag) = (format!("team-{n}/image"), format!("release-{n}"));
            assert!(
                passes(&pattern, &event(&repository, Some(&tag))),
                "{count} {n}"
            );
        }
    }
    // Some were near the limit, and some had to drop a field, or all fields.
    assert!(lengths.iter().any(|length| *length > 1800), "{lengths:?}");
    assert!(lengths.last() < lengths.iter().max(), "{lengths:?}");
}

#[test]
fn the_limit_is_met_exactly() {
    // With each name a little longer, the pattern grows until it does not fit, and not before.
    let text = |length: usize| {
        let filters: Vec<String> = ["a", "b", "c", "d", "e", "f", "g", "h"]
            .map(|letter| format!("{}:*", letter.repeat(length)))
            .to_vec();
        pattern_of(&filters)
    };
    let with_names = |length| text(length).contains("repository-name");
    let longest = (1..=256)
        .take_while(|length| with_names(*length))
        .last()
        .unwrap();
    assert!(text(longest).len() <= MAX_CHARACTERS);
    assert!(text(longest).len() + 8 > MAX_CHARACTERS, "{longest}");
    assert!(!with_names(longest + 1));
}
