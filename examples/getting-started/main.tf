# The least that a first image needs: every tag of one repository gets its index when it is pushed, and
# what is there already gets one now.
terraform {
  required_version = ">= 1.5"
  required_providers {
    soci = {
      source = "soci/soci"
    }
  }
}

# Region and credentials as for the AWS provider: from arguments here, or from the environment.
provider "soci" {}

variable "repository" {
  description = "Repository in Amazon ECR, without the registry's host"
  type        = string
  default     = "shop/web"
}

resource "soci_index_builder" "this" {
  repository_image_tag_filters = ["${var.repository}:*"]
  index_existing               = true
}

output "log_group" {
  description = "Where the index generator says what it did with each image"
  value       = soci_index_builder.this.index_generator_log_group_name
}
