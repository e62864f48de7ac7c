resource "soci_index_builder" "shop" {
  name                         = "shop-index-builder"
  repository_image_tag_filters = ["shop/*:*"]
}

# Everything that the builder indexes
action "soci_sweep" "shop" {
  config {
    builder = soci_index_builder.shop.name
  }
}

# One repository of it, after an import of old images
action "soci_sweep" "archive" {
  config {
    builder                      = soci_index_builder.shop.name
    repository_image_tag_filters = ["shop/archive:*"]
  }
}
