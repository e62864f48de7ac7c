//! `--reuse-from`: reuse of zTOCs from images that are already indexed.

use anyhow::{Context, Result};
use soci::{Destination, EarlierIndexes, ImageSource, Options};

use crate::access::{Access, Endpoint};
use crate::image::Image;
use crate::location::Location;

/// Images whose zTOCs are reused.
pub(crate) struct Reuse<'a> {
    locations: &'a [Location],
    images: Vec<Image>,
}

impl<'a> Reuse<'a> {
    /// Opens the images. Those in one of the command's own registries are accessed in the same way,
    /// others without its credentials.
    pub(crate) async fn open(
        locations: &'a [Location],
        access: &Access,
        own: &[(&Location, &Endpoint)],
    ) -> Result<Self> {
        let mut images = Vec::new();
        for location in locations {
            let registry = |location: &Location| {
                let reference = location.reference();
                reference.map(|reference| reference.registry().to_owned())
            };
            let mut same = own
                .iter()
                .filter(|(own, _)| registry(own) == registry(location));
            let endpoint = match same.next() {
                Some((_, endpoint)) => (*endpoint).clone(),
                None => access.elsewhere()?,
            };
            images.push(Image::open(location, &endpoint).await?);
        }
        Ok(Self { locations, images })
    }

    /// Finds the indexes of the images.
    pub(crate) async fn find<'b>(
        &'b self,
        destination: &'b dyn Destination,
        options: &Options,
    ) -> Result<EarlierIndexes<'b>> {
        let images = self.images.iter();
        let images: Vec<&dyn ImageSource> = images.map(|image| image.store() as _).collect();
        let found = EarlierIndexes::find(&images, destination, options).await;
        found.with_context(|| {
            let locations = self.locations.iter().map(ToString::to_string);
            let locations: Vec<String> = locations.collect();
            format!("reusing zTOCs of {}", locations.join(", "))
        })
    }
}
