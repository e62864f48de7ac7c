# One image, one index. `make demo` applies this file as it stands.
terraform {
  required_providers {
    soci = {
      source = "soci/soci"
    }
  }
}

variable "image" {
  description = "The image to index, with its registry and tag"
  type        = string
}

resource "soci_index" "this" {
  image = var.image
}

output "image_uri" {
  description = "The SOCI-enabled image, by digest"
  value       = soci_index.this.image_uri
}

output "digest" {
  description = "What was pushed"
  value       = soci_index.this.digest
}
