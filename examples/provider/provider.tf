terraform {
  required_providers {
    soci = {
      source = "soci/soci"
    }
  }
}

provider "soci" {}
