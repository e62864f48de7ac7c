resource "soci_index_builder" "shop" {
  name                         = "shop-index-builder"
  repository_image_tag_filters = ["shop/*:*"]
}

# Everything the builder indexes
action "soci_sweep" "shop" {
  config {
    builder = soci_index_builder.shop.name
  }
}

# Only one of its repositories, for example after importing old images
action "soci_sweep" "archive" {
  config {
    builder                      = soci_index_builder.shop.name
    repository_image_tag_filters = ["shop/archive:*"]
  }
}
