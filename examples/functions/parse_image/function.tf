locals {
  image = provider::soci::parse_image("registry.example.com/shop/web:1.4")
}

# registry.example.com
output "registry" {
  value = local.image.registry
}

# shop/web
output "repository" {
  value = local.image.repository
}
