terraform {
  # Provider-defined functions require 1.8.
  required_version = ">= 1.8"
  required_providers {
    soci = {
      source  = "soci/soci"
      version = ">= 0.1"
    }
  }
}
