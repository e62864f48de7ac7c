//! Sweeps that find outputs whose source is gone: the deletion is handed on.

use anyhow::Result;
use serde_json::{Value, json};
use tests::fake::images::Images;
use tests::image::sha256;

use crate::function::Function;
use crate::sweep::{filter, image, index, narrowed, put_enabled, scheduled};

const DELETE: (&str, &str) = ("soci_delete_with_source", "true");
const EMPTY: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/// Puts a SOCI-enabled image with the mark that the index generator gives it.
fn put_output(images: &mut Images, repository: &str, tag: &str, number: u64) -> Result<()> {
    let enabled = put_enabled(images, repository, tag, &[image(number)], &[]);
    let output = format!("123456789012/eu-west-1/{repository}:{tag}");
    put_mark(images, repository, &enabled, &output)
}

fn put_mark(images: &mut Images, repository: &str, enabled: &Value, output: &str) -> Result<()> {
    let enabled = enabled.to_string();
    let (digest, size) = (sha256(enabled.as_bytes())?, enabled.len());
    let manifest = "application/vnd.oci.image.manifest.v1+json";
    let kind = "application/vnd.terraform-provider-soci.output.v1+json";
    // In the order in which it is written, since its digest is what counts.
    let text = format!(
        concat!(
            r#"{{"schemaVersion":2,"mediaType":"{manifest}","#,
            r#""config":{{"mediaType":"{kind}","digest":"{empty}","size":2}},"#,
            r#""layers":[{{"mediaType":"application/vnd.oci.empty.v1+json","#,
            r#""digest":"{empty}","size":2}}],"#,
            r#""subject":{{"mediaType":"application/vnd.oci.image.index.v1+json","#,
            r#""digest":"{digest}","size":{size}}},"#,
            r#""annotations":{{"soci.output.tag":"{output}"}}}}"#
        ),
        manifest = manifest,
        kind = kind,
        empty = EMPTY,
        digest = digest,
        size = size,
        output = output,
    );
    let mark = serde_json::from_str(&text)?;
    images.put_text(repository, &[], &mark, text);
    Ok(())
}

/// Returns the tags whose deletion was handed on.
fn deletions(function: &Function) -> Result<Vec<Value>> {
    let mut tags = Vec::new();
    for invoked in function.fake.invoked() {
        let event: Value = serde_json::from_slice(&invoked.payload)?;
        if event["detail"]["action-type"] == "DELETE" {
            assert_eq!(event["detail-type"], "ECR Image Action");
            assert_eq!(event["detail"]["result"], "SUCCESS");
            tags.push(event["detail"]["image-tag"].clone());
        }
    }
    Ok(tags)
}

#[test]
fn an_index_without_its_image_is_handed_on_where_it_is_asked_for() -> Result<()> {
    for (delete, sources) in [
        ("false", "push"),
        ("true", "push"),
        ("true", "pull_through_cache"),
    ] {
        let variables = [
            ("soci_delete_with_source", delete),
            ("soci_sources", sources),
        ];
        let filter = filter("web:1.*", &variables)?;
        filter.fake.images(|images| {
            images.put("web", &["1.0"], &image(1));
            put_output(images, "web", "1.0-soci", 1)?;
            put_output(images, "web", "1.1-soci", 2)?;
            // An alias, somebody else's, and one that no filter matches.
            images.put("web", &["1.2-soci"], &image(3));
            images.put("web", &["1.3-soci"], &index(&[]));
            put_output(images, "web", "2.0-soci", 4)
        })?;
        let answer = filter.expect(scheduled())?;
        let plain = "swept: 1 looked at, 1 indexed already, 0 handed on, 0 failed";
        if delete == "true" {
            assert_eq!(answer, format!("{plain}, 1 to be removed"));
            assert_eq!(deletions(&filter)?, ["1.1"]);
            assert_eq!(filter.metrics()?["SweepOrphaned"], 1);
        } else {
            assert_eq!(answer, plain);
            assert!(deletions(&filter)?.is_empty());
        }
    }
    Ok(())
}

/// A request that narrows a sweep narrows what it removes as well.
#[test]
fn a_narrowed_sweep_removes_only_what_it_is_about() -> Result<()> {
    let filter = filter("web:*", &[DELETE])?;
    filter.fake.images(|images| {
        put_output(images, "web", "1.0-soci", 1)?;
        put_output(images, "web", "2.0-soci", 2)
    })?;
    filter.expect(narrowed(&["web:2.*"]))?;
    assert_eq!(deletions(&filter)?, ["2.0"]);
    Ok(())
}

#[test]
fn what_somebody_else_made_or_copied_is_no_orphan() -> Result<()> {
    let filter = filter("web:*", &[DELETE])?;
    filter.fake.images(|images| {
        put_enabled(images, "web", "1.0-soci", &[image(1)], &[]);
        // Copied with the mark, from another repository, and from another tag.
        let copied = put_enabled(images, "web", "1.1-soci", &[image(2)], &[]);
        put_mark(
            images,
            "web",
            &copied,
            "123456789012/eu-west-1/stage:1.1-soci",
        )?;
        let tagged = put_enabled(images, "web", "stable-soci", &[image(3)], &[]);
        put_mark(
            images,
            "web",
            &tagged,
            "123456789012/eu-west-1/web:1.2-soci",
        )
    })?;
    let answer = filter.expect(scheduled())?;
    let want = "swept: 0 looked at, 0 indexed already, 0 handed on, 0 failed";
    assert_eq!(answer, want);
    assert!(deletions(&filter)?.is_empty());
    Ok(())
}

#[test]
fn an_archived_image_is_not_gone() -> Result<()> {
    let filter = filter("web:*", &[DELETE])?;
    filter.fake.images(|images| {
        images.put("web", &["1.0"], &image(1));
        put_output(images, "web", "1.0-soci", 1)?;
        images.archive("web", "1.0");
        put_output(images, "web", "1.1-soci", 2)
    })?;
    let answer = filter.expect(scheduled())?;
    let want = "swept: 0 looked at, 0 indexed already, 0 handed on, 0 failed, 1 to be removed";
    assert_eq!(answer, want);
    assert_eq!(deletions(&filter)?, [json!("1.1")]);
    Ok(())
}

#[test]
fn what_cannot_be_read_is_not_gone() -> Result<()> {
    let filter = filter("web:*", &[DELETE])?;
    filter.fake.images(|images| {
        put_output(images, "web", "1.0-soci", 1)?;
        images.refuse("BatchGetImage");
        anyhow::Ok(())
    })?;
    let error = filter.expect_error(scheduled(), "SweepFailed")?;
    assert!(error.contains("repository web: "), "{error}");
    assert!(deletions(&filter)?.is_empty());
    Ok(())
}
