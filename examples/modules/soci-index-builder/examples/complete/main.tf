# All images of two teams except development builds, and a check that production images are indexed.
terraform {
  required_version = ">= 1.8"
  required_providers {
    soci = {
      source = "soci/soci"
    }
  }
}

provider "soci" {}

module "soci_index_builder" {
  source = "../.."

  images = {
    "shop/*"       = ["*"]
    "platform/api" = ["release-*", "latest"]
  }
  excluded = {
    "*" = ["*-dev"]
  }
  expected = ["shop/web:1.4", "platform/api:release-7"]

  tags = {
    team = "platform"
  }
}

output "filters" {
  description = "Filters of the builder"
  value       = module.soci_index_builder.filters
}
