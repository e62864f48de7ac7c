# One provider, with a builder in each region that has images.
terraform {
  required_version = ">= 1.5"
  required_providers {
    soci = {
      source = "soci/soci"
    }
  }
}

# Credentials work as in the AWS provider; each builder sets its region.
provider "soci" {}

variable "regions" {
  description = "Regions whose Amazon ECR registries have images to index"
  type        = set(string)
  default     = ["eu-west-1", "us-east-1"]
}

resource "soci_index_builder" "this" {
  for_each = var.regions

  region                       = each.key
  repository_image_tag_filters = ["shop/*:*"]
}
