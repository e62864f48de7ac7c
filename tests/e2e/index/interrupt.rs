//! Interrupted applies and killed providers.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use tests::fake::proxy::{Fault, Proxy, Rule};
use tests::interrupt::Interrupt;
use tests::points::Points;
use tests::process::{Output, Process, kill_hard};
use tests::registry::Registry;
use tests::terraform::{APPLY, LIMIT, PROVIDER, Terraform};
use tests::wait;

use crate::scenario::{ADDRESS, ENABLED, REPOSITORY, TAG, configured, image, large_layer, push};

/// Kills of a provider within an apply. Many more, without terraform: `provider/tests/kills.rs`.
const KILLS: usize = 7;

/// An apply that is held at a known point.
struct Held {
    registry: Registry,
    proxy: Proxy,
    terraform: Terraform,
    apply: Process,
}

impl Held {
    fn at(method: &'static str, path: &str, fault: Fault) -> Result<Self> {
        let registry = Registry::start()?;
        push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
        let proxy = Proxy::start(registry.address())?;
        let path = path.replace("LAYER", &large_layer(&registry, TAG)?);
        proxy.add(Rule::new(method, &path, fault));
        let terraform = configured(&proxy.reference(&format!("{REPOSITORY}:{TAG}")), "")?;
        let mut apply = terraform.start(APPLY)?;
        wait::until("the apply to stand still", wait::SOON, || {
            if let Some(status) = apply.try_status()? {
                bail!("it ended before: {status}\n{}", apply.output_so_far());
            }
            Ok(proxy.is_holding().then_some(()))
        })
        .with_context(|| format!("requests: {:#?}", proxy.requests()))?;
        Ok(Self {
            registry,
            proxy,
            terraform,
            apply,
        })
    }

    /// Waits for terraform to end, and checks the tags in the registry.
    fn ended(self, tags: &[&str]) -> Result<(Output, Repair)> {
        let Self {
            registry,
            proxy,
            terraform,
            apply,
        } = self;
        let output = apply.finish(LIMIT, &Interrupt::default())?;
        assert_eq!(registry.tags(REPOSITORY)?, tags);
        Ok((
            output,
            Repair {
                registry,
                proxy,
                terraform,
            },
        ))
    }
}

/// The state of affairs after an unfinished apply.
struct Repair {
    registry: Registry,
    proxy: Proxy,
    terraform: Terraform,
}

impl Repair {
    /// Checks that the next apply succeeds.
    fn finishes(self) -> Result<()> {
        self.proxy.heal();
        self.terraform.apply()?;
        let resource = self.terraform.expect_resource(ADDRESS)?;
        assert!(!resource.tainted);
        let enabled = self.registry.expect_manifest(REPOSITORY, ENABLED)?;
        assert_eq!(resource.text("digest")?, enabled.digest);
        let plan = self.terraform.plan()?;
        assert!(!plan.changes, "{}", plan.output);
        self.terraform.destroy()?;
        assert_eq!(self.registry.tags(REPOSITORY)?, [TAG]);
        Ok(())
    }
}

/// Checks that terraform ended as it does after a clean interrupt.
fn expect_clean(output: &Output) {
    let text = output.all();
    assert_eq!(output.status.code(), Some(1), "{output}");
    assert!(text.contains("Interrupt received"), "{output}");
    for unwanted in [
        "did not respond",
        "panic",
        "crash",
        "Two interrupts",
        "plugin process exited",
    ] {
        assert!(!text.contains(unwanted), "{unwanted:?} in {output}");
    }
}

#[test]
fn ctrl_c_while_a_layer_is_read() -> Result<()> {
    let held = Held::at("GET", "/blobs/LAYER", Fault::HoldBody(1_000_000))?;
    held.apply.interrupt()?;
    let (output, repair) = held.ended(&[TAG])?;
    expect_clean(&output);
    // Nothing was created, so the state is empty.
    assert!(repair.terraform.resource(ADDRESS)?.is_none());
    repair.finishes()
}

#[test]
fn sigint_to_terraform_alone() -> Result<()> {
    let held = Held::at("GET", "/blobs/LAYER", Fault::HoldBody(1_000_000))?;
    held.apply.interrupt_leader()?;
    let (output, repair) = held.ended(&[TAG])?;
    expect_clean(&output);
    repair.finishes()
}

#[test]
fn ctrl_c_before_the_image_is_read() -> Result<()> {
    let held = Held::at("GET", "/manifests/", Fault::HoldRequest)?;
    held.apply.interrupt()?;
    let (output, repair) = held.ended(&[TAG])?;
    expect_clean(&output);
    repair.finishes()
}

#[test]
fn ctrl_c_while_the_index_is_pushed() -> Result<()> {
    let held = Held::at("PUT", "/manifests/", Fault::HoldRequest)?;
    held.apply.interrupt()?;
    let (output, repair) = held.ended(&[TAG])?;
    expect_clean(&output);
    repair.finishes()
}

#[test]
fn ctrl_c_before_the_push_of_the_tag_is_confirmed() -> Result<()> {
    // The registry has the tag; its response is held.
    let path = format!("/manifests/{ENABLED}");
    let held = Held::at("PUT", &path, Fault::HoldAnswer)?;
    held.apply.interrupt()?;
    let (output, repair) = held.ended(&[TAG, ENABLED])?;
    expect_clean(&output);
    // The index exists, so it is in the state: a destroy removes it.
    assert!(repair.terraform.resource(ADDRESS)?.is_some());
    repair.finishes()
}

#[test]
fn a_killed_provider() -> Result<()> {
    let held = Held::at("GET", "/blobs/LAYER", Fault::HoldBody(1_000_000))?;
    let providers = held.apply.members(PROVIDER)?;
    assert_eq!(providers.len(), 1, "{providers:?}");
    kill_hard(providers[0])?;
    let (output, repair) = held.ended(&[TAG])?;
    assert_eq!(output.status.code(), Some(1), "{output}");
    repair.finishes()
}

/// Shows the points with `--nocapture`.
#[test]
fn a_provider_killed_at_any_time() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let terraform = configured(&registry.reference(&format!("{REPOSITORY}:{TAG}")), "")?;
    let start = Instant::now();
    terraform.apply()?;
    let clean = start.elapsed();
    let points = Points::choose(KILLS)?;
    terraform.destroy()?;
    assert_eq!(registry.tags(REPOSITORY)?, [TAG]);
    println!("{clean:.2?}, {points}");
    let repeat = || -> Result<()> {
        for point in points.of_time(clean) {
            let output = terraform.apply_with_kill(point)?;
            if terraform.resource(ADDRESS)?.is_some() {
                terraform.destroy()?;
            } else {
                ensure!(!output.status.success(), "{output}");
            }
        }
        // What a killed provider had published is nobody's, and stays.
        let before = registry.tags(REPOSITORY)?;
        terraform.apply()?;
        let resource = terraform.expect_resource(ADDRESS)?;
        let enabled = registry.expect_manifest(REPOSITORY, ENABLED)?;
        ensure!(!resource.tainted && resource.text("digest")? == enabled.digest);
        terraform.expect_empty_plan()?;
        terraform.destroy()?;
        ensure!(registry.tags(REPOSITORY)? == before);
        Ok(())
    };
    repeat().with_context(|| points.to_string())
}

#[test]
fn no_provider_outlives_terraform() -> Result<()> {
    let mut held = Held::at("GET", "/blobs/LAYER", Fault::HoldBody(1_000_000))?;
    assert_eq!(held.apply.members(PROVIDER)?.len(), 1);
    held.apply.interrupt()?;
    let status = wait::until("terraform to end", LIMIT, || held.apply.try_status())?;
    assert_eq!(status.code(), Some(1));
    wait::until("the provider to end", wait::SOON, || {
        Ok(held.apply.members(PROVIDER)?.is_empty().then_some(()))
    })?;
    Ok(())
}

#[test]
fn ctrl_c_while_one_resource_waits_for_another() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let proxy = Proxy::start(registry.address())?;
    let image = proxy.reference(&format!("{REPOSITORY}:{TAG}"));
    let path = "/manifests/sha256:";
    proxy.add(Rule::new("PUT", path, Fault::HoldRequest).times(1));
    let two = "count = 2\n  tag = \"soci-${count.index}\"";
    let terraform = configured(&image, two)?;
    let mut apply = terraform.start(APPLY)?;
    // Both have built their index; one of them is held while publishing.
    wait::until("both to be at it", wait::SOON, || {
        if let Some(status) = apply.try_status()? {
            bail!("it ended before: {status}\n{}", apply.output_so_far());
        }
        let requests = proxy.requests();
        let layers = requests.iter().filter(|its| {
            its.method == "GET" && its.path.contains("/blobs/") && its.range.is_none()
        });
        Ok((proxy.is_holding() && layers.count() >= 2).then_some(()))
    })?;
    apply.interrupt()?;
    let output = apply.finish(LIMIT, &Interrupt::default())?;
    expect_clean(&output);
    proxy.heal();
    terraform.apply()?;
    assert!(!terraform.plan()?.changes);
    terraform.destroy()?;
    assert_eq!(registry.tags(REPOSITORY)?, [TAG]);
    Ok(())
}
