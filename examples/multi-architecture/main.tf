# Images for two platforms: which ones are indexed, and which are not.
terraform {
  required_version = ">= 1.5"
  required_providers {
    soci = {
      source = "soci/soci"
    }
  }
}

# Pipelines push 1.5-amd64 and 1.5-arm64, then combine them as 1.5, the only one that is deployed.
resource "soci_index_builder" "shop" {
  name                         = "shop-index-builder"
  repository_image_tag_filters = ["shop/*:*"]
  excluded_image_tag_filters   = ["*:*-amd64", "*:*-arm64"]

  # If an image lacks one of these platforms, only the other is indexed.
  platforms = ["linux/amd64", "linux/arm64"]
}

# Here, the image must have every platform listed.
resource "soci_index" "web" {
  image     = "registry.example.com/shop/web:1.5"
  platforms = ["linux/amd64", "linux/arm64"]
}

# Number of indexed layers, by platform
output "indexed_layers" {
  value = { for index in soci_index.web.indexes : index.platform => index.ztoc_count }
}
