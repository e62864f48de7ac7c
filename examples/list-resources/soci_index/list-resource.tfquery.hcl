# The SOCI-enabled images of a repository
list "soci_index" "web" {
  provider = soci

  config {
    repository = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web"
  }
}

# Those whose tags end otherwise
list "soci_index" "api" {
  provider = soci

  config {
    repository = "registry.example.com/shop/api"
    tag_suffix = "-lazy"
  }
}

# Indexes that refer to their images, with what is known of them
list "soci_index" "worker" {
  provider         = soci
  include_resource = true
  limit            = 20

  config {
    repository    = "registry.example.com/shop/worker"
    index_version = "V1"
  }
}
