//! The provider's program, called as Terraform calls it, and killed at any time.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

use futures_util::future::{Either, select};
use tests::aws::{self, LocalAws, Whole};
use tests::fake::proxy::Proxy;
use tests::image::{Compression, Layout, MediaTypes, noise};
use tests::points::{Moment, Points};
use tests::upload;
use tfplugin_sdk::Value;
use tfplugin_sdk::testing::{Answer, Client, Error, Instance, Plugin};

const INDEX: &str = "soci_index";
const BUILDER: &str = "soci_index_builder";
const REPOSITORY: &str = "shop/web";
/// Summary of the error for a builder that is complete: nothing tells it from somebody else's.
const COMPLETE: &str = "Builder already exists";

/// Kills of a provider that creates an index, and images that they are about.
const OF_INDEXES: usize = 30;
const IMAGES: usize = 15;
/// Kills of a provider that creates a builder, and builders that they are about.
const OF_BUILDERS: usize = 14;
const BUILDERS: usize = 7;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// A resource that a killed provider may have begun, with its state if it answered before.
struct Begun {
    name: String,
    config: Value,
    created: Option<Instance>,
}

/// A local AWS, whose registry takes manifests that are not whole, behind a proxy.
struct Scene {
    aws: LocalAws,
    proxy: Proxy,
    type_name: &'static str,
}

impl Scene {
    fn new(type_name: &'static str) -> Result<Self> {
        let aws = LocalAws::start()?;
        let proxy = Proxy::start(aws.address())?;
        Ok(Self {
            aws,
            proxy,
            type_name,
        })
    }

    /// Starts the provider and configures it.
    async fn start(&self) -> Result<(Plugin, Client)> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_terraform-provider-soci"));
        let variables = aws::environment(self.proxy.address());
        command.env_clear().envs(variables);
        let plugin = Plugin::spawn(command).await?;
        let client = plugin.connect().await?.provider().await?;
        client.configure(&Value::object::<&str>([])).await?.ok()?;
        Ok((plugin, client))
    }

    /// Creates a resource. Returns how many requests that takes.
    async fn create(&self, config: &Value) -> Result<(usize, Instance)> {
        let (plugin, client) = self.start().await?;
        let before = self.proxy.count();
        let none = Instance::default();
        let created = client.apply(self.type_name, config, &none).await?.ok()?;
        plugin.shut_down().await?;
        Ok((self.proxy.count() - before, created))
    }

    /// Creates a resource, and kills the provider at a point. Returns the resource if it was there
    /// before.
    async fn kill(&self, config: &Value, point: Moment) -> Result<Option<Instance>> {
        let (mut plugin, client) = self.start().await?;
        let before = self.proxy.count();
        let reached = async {
            while self.proxy.count() - before < point.requests {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(point.pause).await;
        };
        let none = Instance::default();
        let answer = client.apply(self.type_name, config, &none);
        let created = match select(Box::pin(answer), Box::pin(reached)).await {
            Either::Left((answer, _)) => created(answer)?,
            Either::Right(_) => None,
        };
        plugin.process.child.kill()?;
        Ok(created)
    }

    /// Creates what is not there, and checks that a plan of everything is empty. As in Terraform,
    /// each step has a process of its own.
    async fn complete(&self, resources: Vec<Begun>) -> Result<Vec<Instance>> {
        let (plugin, client) = self.start().await?;
        let mut complete = Vec::new();
        for resource in resources {
            let (config, none) = (resource.config, Instance::default());
            let created = match resource.created {
                Some(created) => created,
                None => match created(client.apply(self.type_name, &config, &none).await)? {
                    Some(created) => created,
                    None => self.import(&client, &resource.name).await?,
                },
            };
            complete.push((config, created));
        }
        plugin.shut_down().await?;

        let (plugin, client) = self.start().await?;
        let mut found = Vec::new();
        for (config, created) in complete {
            let read = client.read(self.type_name, &created).await?.ok()?;
            let plan = client.plan(self.type_name, &config, &read).await?;
            assert!(plan.diagnostics.is_empty(), "{:?}", plan.diagnostics);
            assert_eq!(plan.planned.state, created.state);
            found.push(read);
        }
        plugin.shut_down().await?;
        Ok(found)
    }

    /// Imports a resource, as the message of [`COMPLETE`] says.
    async fn import(&self, client: &Client, id: &str) -> Result<Instance> {
        let imported = client.import(self.type_name, id).await?.ok()?;
        let [imported] = &imported[..] else {
            return Err(format!("{id}: {} resources", imported.len()).into());
        };
        Ok(client.read(self.type_name, imported).await?.ok()?)
    }

    /// Removes resources.
    async fn destroy(&self, instances: &[Instance]) -> Result<()> {
        let (plugin, client) = self.start().await?;
        for instance in instances {
            let removed = client.apply(self.type_name, &Value::Null, instance).await?;
            assert!(removed.diagnostics.is_empty(), "{:?}", removed.diagnostics);
            assert!(removed.ok()?.state.is_null());
        }
        plugin.shut_down().await?;
        Ok(())
    }

    fn digests(&self) -> Result<BTreeSet<String>> {
        Ok(self.aws.digests(REPOSITORY)?.into_iter().collect())
    }
}

/// Returns what was created; nothing if a provider had completed it and was killed before it said so.
fn created(answer: Result<Answer<Instance>, Error>) -> Result<Option<Instance>> {
    match answer.and_then(Answer::ok) {
        Ok(created) => Ok(Some(created)),
        Err(Error::Diagnostics(found)) if found.iter().any(|one| one.summary == COMPLETE) => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns the resource whose turn it is, of those that were not there before a kill.
fn turn(resources: &mut [Begun], number: usize) -> &mut Begun {
    let mut open: Vec<_> = resources
        .iter_mut()
        .filter(|resource| resource.created.is_none())
        .collect();
    let at = number % open.len();
    open.swap_remove(at)
}

/// Pushes an image under each tag.
fn push(aws: &LocalAws, tags: &[String]) -> Result<()> {
    aws.create_repository(REPOSITORY)?;
    let directory = tempfile::tempdir()?;
    let layout = Layout::create(directory.path())?;
    for (seed, tag) in (0..).zip(tags) {
        let layer = layout.layer(Compression::Gzip, |archive| {
            archive.file("srv/data", &noise(seed, 100_000))
        })?;
        let image = layout.image("amd64", MediaTypes::Oci, &[layer])?;
        upload::image(aws.address(), REPOSITORY, tag, &layout, &image)?;
    }
    Ok(())
}

fn index(scene: &Scene, tag: &str) -> Value {
    let image = scene.proxy.reference(&format!("{REPOSITORY}:{tag}"));
    Value::object([
        ("image", image.into()),
        ("min_layer_size", 0_i64.into()),
        ("span_size", 65_536_i64.into()),
    ])
}

/// Shows the numbers with `--nocapture`.
#[tokio::test]
async fn a_provider_that_is_killed_leaves_no_half_index() -> Result<()> {
    let scene = Scene::new(INDEX)?;
    let aws = &scene.aws;
    let tags: Vec<String> = (0..=IMAGES).map(|number| number.to_string()).collect();
    push(aws, &tags)?;
    let (clean, killed) = tags.split_first().expect("tags");
    let sources = scene.digests()?;
    let (requests, created) = scene.create(&index(&scene, clean)).await?;
    scene.destroy(&[created]).await?;
    // Everything is its own, so nothing stays.
    assert_eq!(scene.digests()?, sources);
    let points = Points::choose(OF_INDEXES)?;

    let begun = killed.iter().map(|tag| Begun {
        name: format!("{tag}-soci"),
        config: index(&scene, tag),
        created: None,
    });
    let mut begun: Vec<Begun> = begun.collect();
    let (mut whole, mut stored) = (Whole::default(), BTreeMap::new());
    // What a killed provider had published is nobody's: nothing tells it from what somebody else
    // published, so it stays, whoever finds it.
    let mut nobodys = BTreeSet::new();
    for (number, point) in points.of_requests(requests).enumerate() {
        let resource = turn(&mut begun, number);
        if aws.tags(REPOSITORY)?.contains(&resource.name) {
            nobodys.insert(resource.name.clone());
        }
        let before = scene.digests()?.len();
        resource.created = scene.kill(&resource.config, point).await?;
        *stored.entry(scene.digests()?.len() - before).or_insert(0) += 1;
        let checked = whole.check(aws, REPOSITORY);
        checked.map_err(|error| format!("{point:?} of {points}: {error:?}"))?;
    }
    let before = scene.digests()?;
    let tagged = aws.tags(REPOSITORY)?;
    let open = begun.iter().filter(|resource| resource.created.is_none());
    let published = open.filter(|resource| tagged.contains(&resource.name));
    nobodys.extend(published.map(|resource| resource.name.clone()));
    println!(
        "{requests} requests, {points}\n{} of {IMAGES} were there before a kill, {} were published \
         by a killed provider; kills by number of manifests stored: {stored:?}",
        begun.iter().filter(|begun| begun.created.is_some()).count(),
        nobodys.len(),
    );

    let outputs: Vec<String> = begun.iter().map(|begun| begun.name.clone()).collect();
    let instances = scene.complete(begun).await?;
    whole.check(aws, REPOSITORY)?;
    for (output, instance) in outputs.iter().zip(&instances) {
        let digest = instance.state.get("digest").as_str().expect("a digest");
        let named = aws.manifest(REPOSITORY, output)?;
        assert!(named.is_some(), "{output}: {points}");
        assert_eq!(named, aws.manifest(REPOSITORY, digest)?, "{points}");
    }
    scene.destroy(&instances).await?;
    let left: BTreeSet<String> = aws.tags(REPOSITORY)?.into_iter().collect();
    let expected: BTreeSet<String> = tags.iter().chain(&nobodys).cloned().collect();
    assert_eq!(left, expected, "{points}");
    let left = scene.digests()?;
    assert!(left.is_superset(&sources), "{points}");
    assert!(left.is_subset(&before), "{points}");
    Whole::default().check(aws, REPOSITORY)?;
    let nobodys = left.len() - sources.len();
    println!("{nobodys} manifests of killed providers are left");
    Ok(())
}

fn builder(name: &str) -> Value {
    Value::object([
        ("name", name.into()),
        ("repository_image_tag_filters", vec!["shop/*:*"].into()),
    ])
}

/// Shows the numbers with `--nocapture`.
#[tokio::test]
async fn a_builder_is_completed_after_any_kill() -> Result<()> {
    let scene = Scene::new(BUILDER)?;
    let aws = &scene.aws;
    let (requests, created) = scene.create(&builder("clean")).await?;
    let complete = aws.account()?;
    scene.destroy(&[created]).await?;
    assert!(aws.account()?.is_empty());
    let points = Points::choose(OF_BUILDERS)?;

    let unknown = |name: String| Begun {
        config: builder(&name),
        name,
        created: None,
    };
    let names = (0..BUILDERS).map(|number| format!("b{number}"));
    let mut begun: Vec<Begun> = names.map(unknown).collect();
    let mut seen = Vec::new();
    for (number, point) in points.of_requests(requests).enumerate() {
        let resource = turn(&mut begun, number);
        resource.created = scene.kill(&resource.config, point).await?;
        let found = aws.account()?;
        seen.push((found.roles.len(), found.functions.len(), found.rules.len()));
    }
    println!(
        "{requests} requests, {points}\n{} of {BUILDERS} were there before a kill; roles, functions \
         and rules after each kill: {seen:?}",
        begun.iter().filter(|begun| begun.created.is_some()).count(),
    );

    // Killed after its last request, before its answer.
    let last = unknown("last".to_owned());
    scene.create(&last.config).await?;
    begun.push(last);

    let instances = scene.complete(begun).await?;
    let (account, builders) = (aws.account()?, BUILDERS + 1);
    assert_eq!(account.functions.len(), complete.functions.len() * builders);
    assert_eq!(account.rules.len(), complete.rules.len() * builders);
    scene.destroy(&instances).await?;
    assert!(aws.account()?.is_empty(), "{points}: {:#?}", aws.account()?);
    Ok(())
}
