//! `soci convert`.

use anyhow::{Context, Result, bail};
use soci::{MemoryBudget, Version};

use crate::access::{Access, Sides};
use crate::args::{Build, default_tag};
use crate::exit::{Exit, UsageError};
use crate::image::Image;
use crate::location::Location;
use crate::progress::Bars;
use crate::report::{self, Destination};
use crate::reuse::Reuse;

/// Default name of an image in a layout.
const DEFAULT_NAME: &str = "latest";

/// A conversion: its source and destination.
pub(crate) struct Convert {
    pub source: Location,
    /// The destination; next to the source if `None`.
    pub destination: Option<Location>,
    /// Whether the destination may be the source.
    pub replace: bool,
    /// Whether to replace Docker's media types of layers with OCI's.
    pub oci_layer_types: bool,
}

impl Convert {
    /// Converts an image to a SOCI-enabled image (V2).
    pub(crate) async fn run(
        self,
        build: &Build,
        access: &Access,
        sides: &Sides,
        memory: &MemoryBudget,
    ) -> Result<Exit> {
        let Self { source, .. } = &self;
        let beside = source.beside();
        let destination = self.destination.as_ref().unwrap_or(&beside);
        if let Some(reference) = self.destination.as_ref().and_then(Location::reference)
            && reference.digest().is_some()
        {
            bail!(UsageError::new(format!(
                "{reference}: the digest of the result is not known in advance; want a tag"
            )));
        }
        let (from, to) = access.endpoints(sides, source, destination)?;
        let own = [(source, &from), (destination, &to)];
        let reuse = Reuse::open(&build.reuse_from, access, &own).await?;
        let from = Image::open(source, &from).await?;
        let to = Image::open_destination(destination, &to, self.replace).await?;
        let converting = || format!("converting {source}");
        from.store().root().await.with_context(converting)?;
        let tag = self.tag(from.tag().await?)?;
        to.check_writable()
            .await
            .with_context(|| format!("writing to {}", destination.repository()))?;

        let options = build
            .options(Version::V2, memory)
            .with_oci_layer_types(self.oci_layer_types);
        let earlier = reuse.find(to.store(), &options).await?;
        let bars = Bars::new(!build.json);
        let indexed = soci::index(from.store(), to.store(), &options, &earlier, &bars)
            .await
            .with_context(converting)?;
        if !indexed.report().is_empty() && !source.shares_content(destination) {
            indexed
                .copy_content(from.store(), to.store())
                .await
                .with_context(|| format!("copying {source} to {destination}"))?;
        }
        indexed
            .publish(to.store(), tag.as_deref())
            .await
            .with_context(|| format!("publishing the SOCI-enabled image of {source}"))?;
        if !indexed.report().is_empty() {
            to.finish().await?;
        }
        let destination = Destination::new(destination, tag);
        report::show(indexed.report(), &destination, &options, build.json)
    }

    /// Returns the tag of the result, given the tag of the source.
    fn tag(&self, source: Option<String>) -> Result<Option<String>> {
        let Some(destination) = &self.destination else {
            // An image in a layout is found only by its name.
            let in_layout = self.source.reference().is_none();
            let tag = source.or_else(|| in_layout.then(|| DEFAULT_NAME.to_owned()));
            return Ok(tag.as_deref().map(default_tag));
        };
        let tag = match destination {
            Location::Registry(reference) => reference.tag().map(str::to_owned),
            Location::Layout {
                name: Some(name), ..
            }
            | Location::Archive {
                name: Some(name), ..
            } => Some(name.clone()),
            Location::Layout { name: None, .. } | Location::Archive { name: None, .. } => {
                let name = source.clone();
                Some(name.unwrap_or_else(|| DEFAULT_NAME.to_owned()))
            }
        };
        if tag == source && self.source.shares_repository(destination) && !self.replace {
            bail!(UsageError::new(format!(
                "{destination}: the destination is the source; want another tag, or --replace to \
                 replace the image with its SOCI-enabled copy"
            )));
        }
        Ok(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags() {
        let digest = format!("r.test/a@sha256:{}", "0".repeat(64));
        let both = format!("r.test/a:1@sha256:{}", "0".repeat(64));
        let tag = |source: &str, tag: Option<&str>, destination: Option<&str>| {
            let location = |text: &str| text.parse().expect("a location");
            let convert = Convert {
                source: location(source),
                destination: destination.map(location),
                replace: false,
                oci_layer_types: false,
            };
            convert.tag(tag.map(str::to_owned))
        };
        for (source, name, destination, want) in [
            ("r.test/a:1", Some("1"), None, Some("1-soci")),
            (&digest, None, None, None),
            (&both, Some("1"), None, Some("1-soci")),
            ("oci-archive:a.tar", None, None, Some("latest-soci")),
            ("a.tar", Some("1"), Some("oci-archive:b.tar"), Some("1")),
            ("a.tar", Some("1"), Some("oci-archive:b.tar:x"), Some("x")),
            (&digest, None, Some("r.test/a:1"), Some("1")),
            (&digest, None, Some("oci:l"), Some("latest")),
            ("oci:l", None, None, Some("latest-soci")),
            ("oci:l:1", Some("1"), None, Some("1-soci")),
            ("oci:l:1", Some("1"), Some("oci:m"), Some("1")),
            ("oci:l:1", Some("1"), Some("oci:l:x"), Some("x")),
            ("oci:l:1", Some("1"), Some("r.test/a:x"), Some("x")),
            ("r.test/a:1", Some("1"), Some("r.test/b:1"), Some("1")),
            ("r.test/a:1", Some("1"), Some("s.test/a:1"), Some("1")),
        ] {
            let got = tag(source, name, destination).expect("a tag");
            assert_eq!(got.as_deref(), want, "{source} {destination:?}");
        }
        let same = tag("r.test/a:1", Some("1"), Some("r.test/a:1"));
        let same = same.expect_err("the source itself").to_string();
        assert!(same.contains("the destination is the source"), "{same}");
    }
}
