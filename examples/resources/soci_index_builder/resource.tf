# Indexes every image that is pushed to the account's private registry in this region
resource "soci_index_builder" "all" {
}

# Indexes the shop's releases, with more memory for images with many large layers
resource "soci_index_builder" "shop" {
  name                         = "shop-index-builder"
  repository_image_tag_filters = ["shop/*:v*", "shop/*:release-*"]
  memory_size                  = 2048
  log_retention_in_days        = 90

  # Skip release candidates, and platforms that the cluster does not run
  excluded_image_tag_filters = ["*:*-rc?"]
  platforms                  = ["linux/amd64"]

  # Send an event when an image is ready to deploy
  completion_event_bus_name = "default"

  # Also index existing images, once
  index_existing = true

  tags = {
    team = "platform"
  }
}
