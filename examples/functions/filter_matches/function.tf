variable "filters" {
  description = "Which images get an index, as repository:tag with wildcards"
  type        = list(string)
  default     = ["shop/*:*", "*:v*"]
}

variable "excluded" {
  description = "Which of them get none all the same"
  type        = list(string)
  default     = ["*:*-dev"]
}

# true: the first filter matches
output "is_indexed" {
  value = provider::soci::filter_matches(var.filters, "shop/web", "1.4")
}

# The first one is indexed; the others are an exclusion and a SOCI-enabled image.
output "indexed_tags" {
  value = [
    for tag in ["1.4", "1.4-dev", "1.4-soci"] : tag
    if provider::soci::filter_matches(var.filters, "shop/web", tag, {
      excluded_image_tag_filters = var.excluded
      tag_suffix                 = "-soci"
    })
  ]
}
