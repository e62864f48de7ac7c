# Indexes every image that is pushed to a matching repository, and one existing image right away.
# `make demo` applies this file unchanged.
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

variable "name" {
  description = "Name of the builder; the names of all its parts start with it"
  type        = string
  default     = "soci-index-builder"
}

variable "filters" {
  description = "Images to index when they are pushed, each as repository:tag"
  type        = list(string)
  default     = ["shop/*:*", "platform/*-service:release-*"]
}

variable "image" {
  description = "Existing image to index once"
  type        = string
}

resource "soci_index_builder" "this" {
  name                         = var.name
  repository_image_tag_filters = var.filters

  memory_size           = 1769
  log_retention_in_days = 14
  tags = {
    purpose = "faster starts of containers"
  }
}

resource "soci_index" "base" {
  image = var.image
}

output "generator" {
  description = "Name of the index generator, the function that indexes images"
  value       = soci_index_builder.this.index_generator_function_name
}

output "filter" {
  description = "Name of the event filter, the function that selects the images to index"
  value       = soci_index_builder.this.event_filter_function_name
}

output "code_sha256" {
  description = "SHA-256 hashes of both functions' code, as Lambda reports them"
  value       = soci_index_builder.this.code_sha256
}

output "image_uri" {
  description = "The SOCI-enabled image to deploy, pinned by digest"
  value       = soci_index.base.image_uri
}
