# The SOCI index that an index builder made when the image was pushed
data "soci_index" "web" {
  image = "registry.example.com/shop/web:1.4"
}

# With the index if there is one, and the plain image if not
output "web_image" {
  value = data.soci_index.web.image_uri
}

output "web_starts_fast" {
  value = data.soci_index.web.found
}

# After a push: wait until the index builder is done
data "soci_index" "api" {
  image    = "registry.example.com/shop/api:2.0"
  wait_for = "5m"
}
