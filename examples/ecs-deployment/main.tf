# Redeploys an ECS service, whose task definition names <tag>-soci, as soon as a pushed image has been
# indexed. Pass the outputs to resources of the AWS provider: see the guide "Completion events".
terraform {
  required_version = ">= 1.5"
  required_providers {
    soci = {
      source = "soci/soci"
    }
  }
}

variable "name" {
  description = "Name of the builder"
  type        = string
  default     = "soci-index-builder"
}

variable "repository" {
  description = "Amazon ECR repository of the service's image"
  type        = string
  default     = "shop/web"
}

variable "tag" {
  description = "Tag whose pushes are deployed; the task definition uses it with -soci appended"
  type        = string
  default     = "production"
}

variable "cluster_arn" {
  description = "ARN of the ECS cluster"
  type        = string
  default     = "arn:aws:ecs:eu-west-1:123456789012:cluster/shop"
}

variable "service_arn" {
  description = "ARN of the ECS service"
  type        = string
  default     = "arn:aws:ecs:eu-west-1:123456789012:service/shop/web"
}

resource "soci_index_builder" "this" {
  name                         = var.name
  repository_image_tag_filters = ["${var.repository}:${var.tag}"]
  completion_event_bus_name    = "default"
}

locals {
  values = {
    function    = soci_index_builder.this.index_generator_function_name
    repository  = var.repository
    tag         = var.tag
    cluster_arn = var.cluster_arn
    service_arn = var.service_arn
  }
}

output "event_pattern" {
  description = "Event pattern of the rule that starts the state machine"
  value       = templatefile("${path.module}/event-pattern.json", local.values)
}

output "state_machine" {
  description = "Definition of the state machine that starts the deployment"
  value       = templatefile("${path.module}/state-machine.json", local.values)
}

output "policy" {
  description = "IAM policy for the state machine's role"
  value       = templatefile("${path.module}/policy.json", local.values)
}
