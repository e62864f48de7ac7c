# Every image that is pushed to a matching repository gets its index; one image that is there
# already gets its index now. `make demo` applies this file as it stands.
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

variable "name" {
  description = "Name of the builder; the names of all its parts begin with it"
  type        = string
  default     = "soci-index-builder"
}

variable "filters" {
  description = "Which images are indexed when they are pushed, each as repository:tag"
  type        = list(string)
  default     = ["shop/*:*", "platform/*-service:release-*"]
}

variable "image" {
  description = "An image that is in a registry already, to be indexed once"
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
  description = "The function that indexes what is pushed"
  value       = soci_index_builder.this.index_generator_function_name
}

output "filter" {
  description = "The function that decides what is indexed"
  value       = soci_index_builder.this.event_filter_function_name
}

output "code_sha256" {
  description = "SHA-256 of the code of both functions, as AWS Lambda gives it"
  value       = soci_index_builder.this.code_sha256
}

output "image_uri" {
  description = "The SOCI-enabled image, by digest: what a deployment should use"
  value       = soci_index.base.image_uri
}
