variable "name" {
  description = "Name of the builder, unique in the account and region."
  type        = string
  default     = "soci-index-builder"
}

variable "images" {
  description = <<-EOT
    Images to index: tags by repository. In both, * matches any number of characters and ? exactly
    one. {"shop/*" = ["*"], "platform/api" = ["release-*", "latest"]}
  EOT
  type        = map(list(string))

  validation {
    condition     = length(var.images) > 0
    error_message = "Set at least one repository; {\"*\" = [\"*\"]} matches every image."
  }
  validation {
    condition     = alltrue([for tags in values(var.images) : length(tags) > 0])
    error_message = "Set at least one tag for every repository; [\"*\"] matches every tag."
  }
}

variable "excluded" {
  description = <<-EOT
    Images not to index, although "images" matches them, in the same form.
    {"*" = ["*-dev"], "shop/sandbox" = ["*"]}
  EOT
  type        = map(list(string))
  default     = {}
}

variable "expected" {
  description = <<-EOT
    Images that must be indexed, such as "shop/web:1.4". The plan fails if any of them would not be,
    so a mistake in a filter is found before an image lacks its index.
  EOT
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for image in var.expected : length(split(":", image)) == 2])
    error_message = "Write each image as repository:tag, without a registry, such as \"shop/web:1.4\"."
  }
}

variable "index_version" {
  description = "Version of the index. V2: a SOCI-enabled image beside each image. V1: an index that refers to the image."
  type        = string
  default     = "V2"

  validation {
    condition     = contains(["V1", "V2"], var.index_version)
    error_message = "Must be \"V1\" or \"V2\"."
  }
}

variable "index_existing" {
  description = "Whether to index images that were pushed before the builder existed."
  type        = bool
  default     = false
}

variable "sweep_schedule" {
  description = "Schedule of sweeps for images without an index: rate(...) or cron(...); \"\" for none."
  type        = string
  default     = "rate(1 day)"
  nullable    = false
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary for both roles, if the account requires one."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of all parts."
  type        = map(string)
  default     = {}
}
