# A builder in each region that has images, with one provider.
terraform {
  required_version = ">= 1.5"
  required_providers {
    soci = {
      source = "soci/soci"
    }
  }
}

# Credentials as for the AWS provider; each builder names its region.
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
