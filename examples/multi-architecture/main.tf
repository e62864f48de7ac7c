# Images for two platforms: what is indexed, and what is not.
terraform {
  required_version = ">= 1.5"
  required_providers {
    soci = {
      source = "soci/soci"
    }
  }
}

# Pipelines push 1.5-amd64 and 1.5-arm64, and then both together as 1.5: only that one is deployed.
resource "soci_index_builder" "shop" {
  name                         = "shop-index-builder"
  repository_image_tag_filters = ["shop/*:*"]
  excluded_image_tag_filters   = ["*:*-amd64", "*:*-arm64"]

  # Of an image that lacks one of them, the other is indexed.
  platforms = ["linux/amd64", "linux/arm64"]
}

# Here the image must have each platform that is named.
resource "soci_index" "web" {
  image     = "registry.example.com/shop/web:1.5"
  platforms = ["linux/amd64", "linux/arm64"]
}

# Layers with an index, by platform
output "indexed_layers" {
  value = { for index in soci_index.web.indexes : index.platform => index.ztoc_count }
}
