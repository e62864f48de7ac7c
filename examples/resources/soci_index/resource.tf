# Publishes a SOCI-enabled image beside the image: registry.example.com/shop/web:1.4-soci
resource "soci_index" "web" {
  image = "registry.example.com/shop/web:1.4"
}

# With a custom tag, for one platform, and with a file that hosts prefetch
resource "soci_index" "api" {
  image          = "registry.example.com/shop/api:1.4"
  tag            = "1.4-lazy"
  platforms      = ["linux/arm64"]
  prefetch_files = ["/usr/bin/api"]
}

# V1: an index that refers to the image, whose digest stays the same
resource "soci_index" "worker" {
  image         = "registry.example.com/shop/worker:1.4"
  index_version = "V1"
}

# Deploy this reference: it is pinned by digest
output "web_image" {
  value = soci_index.web.image_uri
}
