//! Sweeps of the event filter: what no push told of is handed on.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::fake::images::Images;
use tests::fake::lambda::{FakeLambda, Invoked};

use crate::function::{Function, Kind};
use crate::scenario::text;

const GENERATOR: &str = "arn:aws:lambda:eu-west-1:123456789012:function:soci-generator";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const SOCI_V1: &str = "application/vnd.amazon.soci.index.v1+json";
const SOCI_V2: &str = "application/vnd.amazon.soci.index.v2+json";

pub(crate) fn filter(filters: &str, variables: &[(&str, &str)]) -> Result<Function> {
    let fixed = [
        ("soci_repository_image_tag_filters", filters),
        ("soci_index_generator_lambda_arn", GENERATOR),
        ("soci_index_version", "V2"),
    ];
    let fake = FakeLambda::start("http://127.0.0.1:1")?;
    Function::start(Kind::Filter, fake, &[&fixed, variables].concat())
}

/// The event that EventBridge sends on a schedule.
pub(crate) fn scheduled() -> Value {
    json!({
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2026-01-02T03:04:05Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:events:eu-west-1:123456789012:rule/images.sweep"],
        "detail": {},
    })
}

/// Returns the manifest of an image that differs from others by its number.
pub(crate) fn image(number: u64) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": format!("sha256:config-{number}"), "size": 2},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            "digest": format!("sha256:layer-{number}"), "size": 2}],
    })
}

pub(crate) fn index(entries: &[Value]) -> Value {
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
}

fn entry(digest: &str, os: &str) -> Value {
    json!({"mediaType": MANIFEST, "digest": digest, "size": 2,
        "platform": {"os": os, "architecture": "amd64"}})
}

/// Puts the SOCI-enabled image of some images, beside entries that are listed as they are. Returns it.
pub(crate) fn put_enabled(
    images: &mut Images,
    repository: &str,
    tag: &str,
    of: &[Value],
    plain: &[Value],
) -> Value {
    let mut entries = Vec::new();
    for (number, manifest) in of.iter().enumerate() {
        let soci = json!({"mediaType": MANIFEST, "artifactType": SOCI_V2, "config": manifest["config"],
            "layers": [{"digest": format!("sha256:ztoc-{number}")}]});
        let soci = images.put(repository, &[], &soci);
        let mut rewritten = manifest.clone();
        rewritten["annotations"] = json!({"com.amazon.soci.index-digest": soci});
        entries.push(entry(&images.put(repository, &[], &rewritten), "linux"));
        entries.push(
            json!({"mediaType": MANIFEST, "artifactType": SOCI_V2, "digest": soci, "size": 2}),
        );
    }
    entries.extend(plain.iter().cloned());
    let enabled = index(&entries);
    images.put(repository, &[tag], &enabled);
    enabled
}

/// Returns the pushes that were handed on, as `repository:tag`, and checks that each is the event of
/// a push to the index generator.
fn handed_on(function: &Function) -> Result<Vec<String>> {
    let mut images = Vec::new();
    for Invoked {
        path,
        kind,
        payload,
    } in function.fake.invoked()
    {
        if !path.contains("soci-generator") {
            continue;
        }
        assert_eq!(kind, "Event");
        let event: Value = serde_json::from_slice(&payload)?;
        for (pointer, want) in [
            ("/source", "aws.ecr"),
            ("/detail-type", "ECR Image Action"),
            ("/account", "123456789012"),
            ("/region", "eu-west-1"),
            ("/detail/action-type", "PUSH"),
            ("/detail/result", "SUCCESS"),
        ] {
            assert_eq!(event.pointer(pointer), Some(&json!(want)), "{event}");
        }
        let time = text(&event["time"])?;
        assert_eq!(time.len(), "2026-01-01T00:00:00Z".len(), "{time}");
        let detail = &event["detail"];
        let (repository, tag) = (
            text(&detail["repository-name"])?,
            text(&detail["image-tag"])?,
        );
        images.push(format!("{repository}:{tag}"));
    }
    images.sort_unstable();
    Ok(images)
}

/// Returns the only continuation.
fn continuation(function: &Function) -> Result<Value> {
    let invoked = function.fake.invoked().into_iter();
    let mut own = invoked.filter(|invoked| invoked.path.contains("soci-test"));
    let (only, another) = (own.next().context("no continuation")?, own.next());
    assert!(another.is_none(), "{another:?}");
    Ok(serde_json::from_slice(&only.payload)?)
}

#[test]
fn what_has_no_index_is_handed_on() -> Result<()> {
    let filter = filter("shop/*:*,base:1.*", &[])?;
    filter.fake.images(|images| {
        // Indexed: of one platform, of two with an attestation, and one without a layer to index.
        images.put("shop/web", &["1.0"], &image(1));
        put_enabled(images, "shop/web", "1.0-soci", &[image(1)], &[]);
        let platforms = [image(2), image(3)];
        let mut entries: Vec<Value> = platforms
            .iter()
            .map(|platform| entry(&images.put("shop/web", &[], platform), "linux"))
            .collect();
        entries.push(entry("sha256:attestation", "unknown"));
        images.put("shop/web", &["1.1"], &index(&entries));
        put_enabled(images, "shop/web", "1.1-soci", &platforms, &entries[2..]);
        images.put("shop/web", &["1.2", "1.2-soci"], &image(4));
        // Not: none, one of an earlier image, one of fewer platforms, and something else.
        images.put("shop/web", &["2.0"], &image(5));
        images.put("shop/web", &["2.1"], &image(6));
        put_enabled(images, "shop/web", "2.1-soci", &[image(5)], &[]);
        images.put("shop/web", &["2.2"], &index(&entries));
        put_enabled(
            images,
            "shop/web",
            "2.2-soci",
            &platforms[..1],
            &entries[2..],
        );
        images.put("shop/web", &["2.3"], &image(7));
        images.put("shop/web", &["2.3-soci"], &image(8));
        // Out of scope.
        let signature = format!("sha256-{}.sig", "5".repeat(64));
        images.put("shop/web", &[&signature], &image(12));
        images.put("base", &["2.0"], &image(9));
        images.put("base", &["1.9"], &image(10));
        images.put("tools", &["1.0"], &image(11));
        let chart = json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
            "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": "x"}});
        images.put("shop/web", &["chart"], &chart);
        images.create("shop/empty");
    });
    let answer = filter.expect(scheduled())?;
    assert_eq!(
        answer,
        "swept: 8 looked at, 3 indexed already, 5 handed on, 0 failed"
    );
    let want = [
        "base:1.9",
        "shop/web:2.0",
        "shop/web:2.1",
        "shop/web:2.2",
        "shop/web:2.3",
    ];
    assert_eq!(handed_on(&filter)?, want);
    let metrics = filter.metrics()?;
    for (name, count) in [
        ("SweepLookedAt", 8),
        ("SweepIndexedAlready", 3),
        ("SweepHandedOn", 5),
        ("SweepFailed", 0),
    ] {
        assert_eq!(metrics[name], count, "{metrics}");
    }
    let log = filter.log()?;
    let line = log.iter().find(|line| line["tag"] == "2.0");
    let line = line.context("no line about the image")?;
    assert_eq!(line["repository"], "shop/web");
    assert!(text(&line["message"])?.starts_with("shop/web:2.0 has no index"));
    Ok(())
}

#[test]
fn a_request_of_the_provider_is_a_sweep_too() -> Result<()> {
    let filter = filter("web:1", &[("soci_tag_suffix", ".lazy")])?;
    filter.fake.images(|images| {
        images.put("web", &["1"], &image(1));
        put_enabled(images, "web", "1-soci", &[image(1)], &[]);
    });
    let request = json!({"source": "soci-index-builder", "detail-type": "Sweep Requested"});
    let answer = filter.expect(&request)?;
    assert!(
        answer.contains("1 looked at, 0 indexed already"),
        "{answer}"
    );
    assert_eq!(handed_on(&filter)?, ["web:1"]);
    // Exact names of repositories are not looked up.
    let asked = filter.fake.images(|images| images.requests().to_vec());
    assert!(
        !asked.contains(&"DescribeRepositories".to_owned()),
        "{asked:?}"
    );

    filter
        .fake
        .images(|images| put_enabled(images, "web", "1.lazy", &[image(1)], &[]));
    let answer = filter.expect(&request)?;
    assert!(
        answer.contains("1 indexed already, 0 handed on"),
        "{answer}"
    );
    Ok(())
}

/// Returns a request that is narrowed.
pub(crate) fn narrowed(filters: &[&str]) -> Value {
    json!({
        "source": "soci-index-builder",
        "detail-type": "Sweep Requested",
        "soci-filters": filters,
    })
}

/// Filters of a request take images away from those of the function, and add none.
#[test]
fn a_request_narrows_a_sweep_and_widens_none() -> Result<()> {
    let filter = filter(
        "shop/*:*",
        &[("soci_excluded_image_tag_filters", "*:*-dev")],
    )?;
    filter.fake.images(|images| {
        for repository in ["shop/api", "shop/web", "tools/cli"] {
            for (number, tag) in ["1.0", "1.0-dev", "2.0"].into_iter().enumerate() {
                images.put(repository, &[tag], &image(number as u64));
            }
        }
    });
    let answer = filter.expect(narrowed(&["*:1.*"]))?;
    assert_eq!(
        answer,
        "swept: 2 looked at, 0 indexed already, 2 handed on, 0 failed; only *:1.* was asked for"
    );
    assert_eq!(handed_on(&filter)?, ["shop/api:1.0", "shop/web:1.0"]);

    // Repositories that a request names are not looked up, and looked at only if they are the function's.
    filter.fake.images(Images::forget_requests);
    let answer = filter.expect(narrowed(&["tools/cli:*", "shop/web:2.0", "shop/absent:*"]))?;
    assert!(answer.starts_with("swept: 1 looked at"), "{answer}");
    let asked = filter.fake.images(|images| images.requests().to_vec());
    assert!(
        !asked.contains(&"DescribeRepositories".to_owned()),
        "{asked:?}"
    );
    let listed = asked.iter().filter(|asked| *asked == "DescribeImages");
    assert_eq!(listed.count(), 2, "{asked:?}");
    let want = ["shop/api:1.0", "shop/web:1.0", "shop/web:2.0"];
    assert_eq!(handed_on(&filter)?, want);
    Ok(())
}

#[test]
fn a_narrowed_sweep_that_goes_on_stays_narrowed() -> Result<()> {
    let filter = filter("*:*", &[])?;
    filter.fake.images(|images| {
        images.put("a", &["1"], &image(1));
        images.put("b", &["1"], &image(2));
    });
    let number = filter.fake.send(narrowed(&["?:*", "b:1"]), Duration::ZERO);
    let answer = filter.answer(number)?.ok().context("an answer")?;
    assert!(
        text(&answer["body"])?.contains("swept a part: 0 looked at"),
        "{answer}"
    );
    let next = continuation(&filter)?;
    assert_eq!(next["soci-filters"], json!(["?:*", "b:1"]));
    assert_eq!(next["soci-continuation"]["repository"], "a");

    // What cannot be read is not taken for a request that is not narrowed.
    for wrong in [json!([]), json!("*:*"), json!(["*"]), json!(null)] {
        let mut made_up = next.clone();
        made_up["soci-filters"] = wrong;
        let answer = filter.invoke(&made_up)?.ok().context("an answer")?;
        assert_eq!(answer["statusCode"], 400, "{answer}");
        let body = text(&answer["body"])?;
        assert!(body.starts_with("event: soci-filters: want"), "{body}");
    }
    assert_eq!(handed_on(&filter)?, [""; 0]);
    Ok(())
}

#[test]
fn v1_indexes_are_found_by_their_subjects() -> Result<()> {
    let filter = filter("*:*", &[("soci_index_version", "V1")])?;
    filter.fake.images(|images| {
        images.page(2);
        let refer = |images: &mut Images, subject: &str| {
            let index = json!({"mediaType": MANIFEST, "subject": {"digest": subject},
                "config": {"mediaType": SOCI_V1, "digest": "sha256:c"}, "layers": []});
            images.put("web", &[], &index);
        };
        let one = images.put("web", &["1"], &image(1));
        images.put("web", &["2"], &image(2));
        let (three, four) = (
            images.put("web", &[], &image(3)),
            images.put("web", &[], &image(4)),
        );
        let whole = [
            entry(&one, "linux"),
            entry(&three, "linux"),
            entry("sha256:a", "unknown"),
        ];
        images.put("web", &["whole"], &index(&whole));
        images.put(
            "web",
            &["part"],
            &index(&[entry(&one, "linux"), entry(&four, "linux")]),
        );
        refer(images, &one);
        refer(images, &three);
    });
    let answer = filter.expect(scheduled())?;
    assert!(
        answer.contains("4 looked at, 2 indexed already"),
        "{answer}"
    );
    assert_eq!(handed_on(&filter)?, ["web:2", "web:part"]);
    Ok(())
}

#[test]
fn pages_are_read_to_their_end() -> Result<()> {
    let filter = filter("*:*", &[])?;
    filter.fake.images(|images| {
        images.page(1);
        for repository in ["a", "b", "c"] {
            for number in 0..3 {
                let tag = format!("{number}");
                let output = format!("{number}-soci");
                images.put(repository, &[&tag, &output], &image(number));
            }
        }
        images.put("c", &["last"], &image(9));
    });
    let answer = filter.expect(scheduled())?;
    assert!(
        answer.contains("10 looked at, 9 indexed already"),
        "{answer}"
    );
    assert_eq!(handed_on(&filter)?, ["c:last"]);
    Ok(())
}

/// The time is up before the first page; whoever goes on begins there.
#[test]
fn a_sweep_goes_on_in_another_invocation() -> Result<()> {
    let filter = filter("*:*", &[])?;
    filter.fake.images(|images| {
        images.put("a", &["1"], &image(1));
        images.put("b", &["1"], &image(2));
    });
    let number = filter.fake.send(scheduled(), Duration::ZERO);
    let answer = filter.answer(number)?.ok().context("an answer")?;
    let body = text(&answer["body"])?;
    assert!(body.contains("swept a part: 0 looked at"), "{body}");
    assert!(body.contains("goes on, number 1 of 12 at most"), "{body}");
    let next = continuation(&filter)?;
    assert_eq!(next["soci-continuation"]["number"], 1);
    assert_eq!(next["soci-continuation"]["repository"], "a");

    let answer = filter.expect(&next)?;
    assert!(answer.starts_with("swept: 2 looked at"), "{answer}");
    assert_eq!(handed_on(&filter)?, ["a:1", "b:1"]);
    Ok(())
}

fn going_on(number: u64, repository: &str, token: Option<&str>, done: u64) -> Value {
    json!({
        "source": "soci-index-builder",
        "detail-type": "Sweep Requested",
        "soci-continuation": {
            "number": number,
            "repository": repository,
            "place": {"token": token, "done": done},
            "counts": {"looked-at": 5, "handed-on": 1},
        },
    })
}

#[test]
fn a_sweep_begins_where_another_stopped() -> Result<()> {
    let filter = filter("*:*", &[])?;
    filter.fake.images(|images| {
        images.put("a", &["1"], &image(1));
        for number in 0..30 {
            images.put("b", &[&format!("{number:02}")], &image(number));
        }
        images.page(15);
    });
    // The second page, of which ten images are done.
    let answer = filter.expect(going_on(3, "b", Some("from-15"), 10))?;
    assert!(answer.contains("10 looked at"), "{answer}");
    assert!(answer.contains("6 handed on"), "{answer}");
    let want = ["b:25", "b:26", "b:27", "b:28", "b:29"];
    assert_eq!(handed_on(&filter)?, want);
    Ok(())
}

#[test]
fn a_page_that_is_no_longer_known_begins_its_repository_again() -> Result<()> {
    let filter = filter("*:*", &[])?;
    filter.fake.images(|images| {
        images.put("b", &["1", "1-soci"], &image(1));
        images.forget_pages();
    });
    let answer = filter.expect(going_on(1, "b", Some("from-1"), 0))?;
    assert!(
        answer.contains("6 looked at, 1 indexed already"),
        "{answer}"
    );
    Ok(())
}

#[test]
fn a_sweep_goes_on_a_bounded_number_of_times() -> Result<()> {
    let filter = filter("*:*", &[])?;
    filter.fake.images(|images| images.create("b"));
    let last = going_on(12, "b", None, 0);
    let number = filter.fake.send(&last, Duration::ZERO);
    let answer = filter.answer(number)?.ok().context("an answer")?;
    assert_eq!(
        answer["body"],
        "swept a part: 5 looked at, 0 indexed already, 1 handed on, 0 failed"
    );
    assert!(filter.fake.invoked().is_empty());
    for made_up in [
        going_on(13, "b", None, 0),
        going_on(1, "../b", None, 0),
        going_on(1, "b", Some("a b"), 0),
    ] {
        let answer = filter.invoke(&made_up)?.ok().context("an answer")?;
        assert_eq!(answer["statusCode"], 400, "{answer}");
        let body = text(&answer["body"])?;
        assert!(body.starts_with("event: soci-continuation: want"), "{body}");
    }
    Ok(())
}

#[test]
fn a_failure_is_told_and_does_not_stop_the_rest() -> Result<()> {
    let filter = filter("*:*,gone:1", &[])?;
    filter.fake.images(|images| {
        images.put("a", &["1"], &image(1));
        images.deny("a");
        images.put("b", &["1"], &image(2));
    });
    let error = filter.expect_error(scheduled(), "SweepFailed")?;
    let want = "the sweep is incomplete: 1 looked at, 0 indexed already, 1 handed on, 1 failed; \
                first failure: repository a: ";
    assert!(error.starts_with(want), "{error}");
    assert!(error.contains("AccessDenied"), "{error}");
    assert_eq!(handed_on(&filter)?, ["b:1"]);
    assert_eq!(filter.metrics()?["SweepFailed"], 1);

    filter.fake.refuse();
    let error = filter.expect_error(scheduled(), "SweepFailed")?;
    assert!(error.contains("0 handed on, 2 failed"), "{error}");
    Ok(())
}

#[test]
fn a_repository_that_is_gone_has_nothing_to_index() -> Result<()> {
    let filter = filter("gone:1", &[])?;
    let answer = filter.expect(scheduled())?;
    assert_eq!(
        answer,
        "swept: 0 looked at, 0 indexed already, 0 handed on, 0 failed"
    );
    Ok(())
}
