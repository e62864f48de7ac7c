variable "filters" {
  description = "Images to index, as repository:tag with wildcards"
  type        = list(string)
  default     = ["shop/*:*", "*:v*"]
}

variable "excluded" {
  description = "Images not to index, although a filter matches them"
  type        = list(string)
  default     = ["*:*-dev"]
}

# true: the first filter matches
output "is_indexed" {
  value = provider::soci::filter_matches(var.filters, "shop/web", "1.4")
}

# ["1.4"]: the second tag is excluded, and the third is a SOCI-enabled image
output "indexed_tags" {
  value = [
    for tag in ["1.4", "1.4-dev", "1.4-soci"] : tag
    if provider::soci::filter_matches(var.filters, "shop/web", tag, {
      excluded_image_tag_filters = var.excluded
      tag_suffix                 = "-soci"
    })
  ]
}
