terraform {
  required_providers {
    soci = {
      source = "soci/soci"
    }
  }
}

variable "registry_password" {
  description = "Password of the user ci"
  type        = string
  sensitive   = true
}

# Every argument is optional. Region and credentials may come from the environment or from the
# shared files, as for the AWS provider.
provider "soci" {
  region = "eu-west-1"

  default_tags {
    tags = {
      team = "platform"
    }
  }

  # Tags that somebody else manages
  ignore_tags {
    key_prefixes = ["c7n:"]
  }

  # Only for a registry that Docker's configuration has no login for. Amazon ECR needs none.
  registry_auth {
    address  = "registry.example.com"
    username = "ci"
    password = var.registry_password
  }
}
