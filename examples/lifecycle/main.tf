# A lifecycle policy for repositories with images and their indexes: use it as the `policy` of an
# aws_ecr_lifecycle_policy.
locals {
  days = 90
}

output "policy" {
  value = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "Images and their indexes, such as 1.4 and 1.4-soci"
        selection = {
          tagStatus      = "tagged"
          tagPatternList = ["*"]
          countType      = "sinceImagePushed"
          countUnit      = "days"
          countNumber    = local.days
        }
        action = { type = "expire" }
      },
      # Referrers of an image, such as V1 SOCI indexes, have no tag either: check the preview of the
      # policy before you keep this rule.
      {
        rulePriority = 2
        description  = "Untagged manifests that no image index lists any more"
        selection = {
          tagStatus   = "untagged"
          countType   = "sinceImagePushed"
          countUnit   = "days"
          countNumber = 7
        }
        action = { type = "expire" }
      },
    ]
  })
}
