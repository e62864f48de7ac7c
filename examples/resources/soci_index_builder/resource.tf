# Every image that is pushed to the account's private registry in this region
resource "soci_index_builder" "all" {
}

# Releases of the shop, with more memory for images of many large layers
resource "soci_index_builder" "shop" {
  name                         = "shop-index-builder"
  repository_image_tag_filters = ["shop/*:v*", "shop/*:release-*"]
  memory_size                  = 2048
  log_retention_in_days        = 90

  # No index for release candidates, nor for other platforms than that of the cluster
  excluded_image_tag_filters = ["*:*-rc?"]
  platforms                  = ["linux/amd64"]

  # An event says when an image is ready to be deployed
  completion_event_bus_name = "default"

  # Images that are there already are indexed once, too
  index_existing = true

  tags = {
    team = "platform"
  }
}
