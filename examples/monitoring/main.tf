# Alarms and a dashboard for a builder. The outputs go to resources of the AWS provider; the guide to
# monitoring has them.
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

variable "region" {
  description = "Region of the builder"
  type        = string
  default     = "eu-west-1"
}

resource "soci_index_builder" "this" {
  name                         = var.name
  repository_image_tag_filters = ["shop/*:*"]
}

locals {
  generator = { FunctionName = soci_index_builder.this.index_generator_function_name }
  filter    = { FunctionName = soci_index_builder.this.event_filter_function_name }

  # Each is about the sum of five minutes, or about the maximum where that is said.
  alarms = {
    images-failed = {
      description = "Images could not be indexed: the log of the index generator says why."
      namespace   = "SociIndexBuilder"
      metric_name = "ImagesFailed"
      dimensions  = local.generator
      statistic   = "Sum"
      threshold   = 1
    }
    reports-failed = {
      description = "Completion events could not be sent."
      namespace   = "SociIndexBuilder"
      metric_name = "CompletionEventsFailed"
      dimensions  = local.generator
      statistic   = "Sum"
      threshold   = 1
    }
    sweep-failed = {
      description = "A sweep could not look at everything: the log of the event filter says why."
      namespace   = "SociIndexBuilder"
      metric_name = "SweepFailed"
      dimensions  = local.filter
      statistic   = "Sum"
      threshold   = 1
    }
    filter-errors = {
      description = "The event filter could not pass images on."
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      dimensions  = local.filter
      statistic   = "Sum"
      threshold   = 1
    }
    events-dropped = {
      description = "AWS Lambda gave images up, after all retries or after waiting too long."
      namespace   = "AWS/Lambda"
      metric_name = "AsyncEventsDropped"
      dimensions  = local.generator
      statistic   = "Sum"
      threshold   = 1
    }
    events-wait = {
      description = "Images wait more than half an hour for the index generator."
      namespace   = "AWS/Lambda"
      metric_name = "AsyncEventAge"
      dimensions  = local.generator
      statistic   = "Maximum"
      threshold   = 1800000
    }
  }
}

output "alarms" {
  description = "Arguments of alarms, by name"
  value       = { for name, alarm in local.alarms : "${var.name}-${name}" => alarm }
}

output "dashboard" {
  description = "Body of the dashboard"
  value = templatefile("${path.module}/dashboard.json", {
    region    = var.region
    rule      = soci_index_builder.this.rule_name
    filter    = soci_index_builder.this.event_filter_function_name
    generator = soci_index_builder.this.index_generator_function_name
  })
}
