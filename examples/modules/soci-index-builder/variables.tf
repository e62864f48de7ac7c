variable "name" {
  description = "Name of the builder, unique in the account and region."
  type        = string
  default     = "soci-index-builder"
}

variable "images" {
  description = <<-EOT
    Which images are indexed: tags by repository. In both, * stands for any number of characters
    and ? for one. {"shop/*" = ["*"], "platform/api" = ["release-*", "latest"]}
  EOT
  type        = map(list(string))

  validation {
    condition     = length(var.images) > 0
    error_message = "Name at least one repository; {\"*\" = [\"*\"]} stands for every image."
  }
  validation {
    condition     = alltrue([for tags in values(var.images) : length(tags) > 0])
    error_message = "Give every repository at least one tag; [\"*\"] stands for every tag."
  }
}

variable "excluded" {
  description = <<-EOT
    Which of these images are not indexed all the same, in the same form.
    {"*" = ["*-dev"], "shop/sandbox" = ["*"]}
  EOT
  type        = map(list(string))
  default     = {}
}

variable "expected" {
  description = <<-EOT
    Images that are to be indexed, such as "shop/web:1.4". The plan fails if one of them would not
    be: so a filter with a slip in it is found before an image is missing its index.
  EOT
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for image in var.expected : length(split(":", image)) == 2])
    error_message = "Write each as repository:tag, without a registry: \"shop/web:1.4\"."
  }
}

variable "index_version" {
  description = "V2: a SOCI-enabled image beside each image. V1: an index that refers to the image."
  type        = string
  default     = "V2"

  validation {
    condition     = contains(["V1", "V2"], var.index_version)
    error_message = "Choose \"V1\" or \"V2\"."
  }
}

variable "index_existing" {
  description = "Whether images that are there already are indexed as well."
  type        = bool
  default     = false
}

variable "sweep_schedule" {
  description = "When images without an index are looked for: rate(...) or cron(...); \"\" for never."
  type        = string
  default     = "rate(1 day)"
  nullable    = false
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary of both roles, where the account demands one."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of all parts."
  type        = map(string)
  default     = {}
}
