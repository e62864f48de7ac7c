# A minimal builder: indexes every tag pushed to one repository, and the images already in it.
terraform {
  required_version = ">= 1.5"
  required_providers {
    soci = {
      source = "soci/soci"
    }
  }
}

# Region and credentials work as in the AWS provider: set them here or in the environment.
provider "soci" {}

variable "repository" {
  description = "Amazon ECR repository, without the registry host"
  type        = string
  default     = "shop/web"
}

resource "soci_index_builder" "this" {
  repository_image_tag_filters = ["${var.repository}:*"]
  index_existing               = true
}

output "log_group" {
  description = "Log group where the index generator reports what it did with each image"
  value       = soci_index_builder.this.index_generator_log_group_name
}
