# The SOCI index that a builder created when the image was pushed
data "soci_index" "web" {
  image = "registry.example.com/shop/web:1.4"
}

# The image with its index, or the plain image if there is no index
output "web_image" {
  value = data.soci_index.web.image_uri
}

output "web_starts_fast" {
  value = data.soci_index.web.found
}

# After a push: wait until the builder has indexed the image
data "soci_index" "api" {
  image    = "registry.example.com/shop/api:2.0"
  wait_for = "5m"
}
