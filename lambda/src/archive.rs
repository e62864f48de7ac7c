//! Images in Amazon ECR's archive. They cannot be pulled; to the registry, they do not exist.

use std::collections::HashSet;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::operation::describe_images::DescribeImagesError;
use aws_sdk_ecr::types::{DescribeImagesFilter, ImageStatusFilter, TagStatus};

use crate::runtime;

/// Page size: the maximum that Amazon ECR returns.
const PAGE: i32 = 1000;
/// Maximum number of pages of images: enough for as many as a repository may have.
const MAX_PAGES: usize = 100;

/// Returns the tags of a repository's images that are archived or being restored. Empty if the
/// repository does not exist.
///
/// # Errors
/// If they cannot be listed completely. The error is a message.
pub(crate) async fn tags(client: &Client, repository: &str) -> Result<HashSet<String>, String> {
    let mut tags = HashSet::new();
    for status in [ImageStatusFilter::Archived, ImageStatusFilter::Activating] {
        let mut token = None;
        for page in 0.. {
            if page == MAX_PAGES {
                return Err(format!("{repository} has too many archived images"));
            }
            let filter = DescribeImagesFilter::builder()
                .tag_status(TagStatus::Tagged)
                .image_status(status.clone());
            let list = client.describe_images().repository_name(repository);
            let list = list.filter(filter.build()).max_results(PAGE);
            let answer = match list.set_next_token(token).send().await {
                Ok(answer) => answer,
                Err(error) => match error.as_service_error() {
                    Some(DescribeImagesError::RepositoryNotFoundException(_)) => return Ok(tags),
                    _ => return Err(runtime::aws_error(&error)),
                },
            };
            let images = answer.image_details.unwrap_or_default().into_iter();
            tags.extend(images.flat_map(|image| image.image_tags.unwrap_or_default()));
            token = answer.next_token;
            if token.is_none() {
                break;
            }
        }
    }
    Ok(tags)
}
