# Combines the policies of the features that a builder uses into one, for whoever deploys it.
variable "features" {
  type    = set(string)
  default = ["base", "index-existing", "reuse-ztocs"]
}

locals {
  values = {
    name         = "soci-index-builder"
    account      = "123456789012"
    region       = "eu-west-1"
    repositories = "*"
  }

  policies = [
    for feature in var.features : jsondecode(templatefile("${path.module}/${feature}.json", local.values))
  ]
}

output "policy" {
  value = jsonencode({
    Version   = "2012-10-17"
    Statement = flatten(local.policies[*].Statement)
  })
}
