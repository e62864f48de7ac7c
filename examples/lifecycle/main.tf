# A lifecycle policy for repositories of images and their indexes: the `policy` of an
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
      # What refers to an image, such as an index of version V1, has no tag either: look at the preview of
      # the policy before you keep this rule.
      {
        rulePriority = 2
        description  = "What no image lists any more"
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
