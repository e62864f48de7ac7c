# The builders in the provider's region
list "soci_index_builder" "here" {
  provider = soci
}

# The builders in other regions, with all their arguments
list "soci_index_builder" "elsewhere" {
  for_each         = toset(["us-east-1", "ap-southeast-2"])
  provider         = soci
  include_resource = true

  config {
    region = each.key
  }
}
