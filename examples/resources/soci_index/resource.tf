# A SOCI-enabled image beside the image: registry.example.com/shop/web:1.4-soci
resource "soci_index" "web" {
  image = "registry.example.com/shop/web:1.4"
}

# With a tag of its own, for one platform, and with what the container starts with fetched first
resource "soci_index" "api" {
  image          = "registry.example.com/shop/api:1.4"
  tag            = "1.4-lazy"
  platforms      = ["linux/arm64"]
  prefetch_files = ["/usr/bin/api"]
}

# An index that refers to the image and leaves its digest as it is
resource "soci_index" "worker" {
  image         = "registry.example.com/shop/worker:1.4"
  index_version = "V1"
}

# Run the image by this reference: it cannot move
output "web_image" {
  value = soci_index.web.image_uri
}
