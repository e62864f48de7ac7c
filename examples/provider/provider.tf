terraform {
  required_providers {
    soci = {
      source = "soci/soci"
    }
  }
}

variable "registry_password" {
  description = "Password of the registry user ci"
  type        = string
  sensitive   = true
}

# Every argument is optional. Region and credentials can come from the environment or from shared
# files, as in the AWS provider.
provider "soci" {
  region = "eu-west-1"

  default_tags {
    tags = {
      team = "platform"
    }
  }

  # Tags that are managed elsewhere
  ignore_tags {
    key_prefixes = ["c7n:"]
  }

  # Only for registries without a Docker, podman or skopeo login. Amazon ECR needs none.
  registry_auth {
    address  = "registry.example.com"
    username = "ci"
    password = var.registry_password
  }
}
