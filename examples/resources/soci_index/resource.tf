# A SOCI-enabled image beside the image: registry.example.com/shop/web:1.4-soci
resource "soci_index" "web" {
  image = "registry.example.com/shop/web:1.4"
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
