# All images of two teams, but for what developers try, and a test that the ones in production are indexed.
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
  description = "What is indexed"
  value       = module.soci_index_builder.filters
}
