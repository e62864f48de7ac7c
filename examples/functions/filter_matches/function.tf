variable "filters" {
  description = "Which images get an index, as repository:tag with wildcards"
  type        = list(string)
  default     = ["shop/*:*", "*:v*"]
}

# true: the first filter matches
output "is_indexed" {
  value = provider::soci::filter_matches(var.filters, "shop/web", "1.4")
}
