# The SOCI-enabled images in a repository
list "soci_index" "web" {
  provider = soci

  config {
    repository = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web"
  }
}

# With a different tag suffix
list "soci_index" "api" {
  provider = soci

  config {
    repository = "registry.example.com/shop/api"
    tag_suffix = "-lazy"
  }
}

# V1 indexes, which refer to their images, with all known attributes
list "soci_index" "worker" {
  provider         = soci
  include_resource = true
  limit            = 20

  config {
    repository    = "registry.example.com/shop/worker"
    index_version = "V1"
  }
}
