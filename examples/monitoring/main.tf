# Alarms and a dashboard for a builder. Pass the outputs to resources of the AWS provider: see the
# guide "Monitoring".
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

  # Each evaluates periods of five minutes, by sum or maximum as `statistic` says.
  alarms = {
    images-failed = {
      description = "Images could not be indexed. The log of the index generator says why."
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
      description = "A sweep could not look at everything. The log of the event filter says why."
      namespace   = "SociIndexBuilder"
      metric_name = "SweepFailed"
      dimensions  = local.filter
      statistic   = "Sum"
      threshold   = 1
    }
    filter-errors = {
      description = "The event filter could not hand images on to the index generator."
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      dimensions  = local.filter
      statistic   = "Sum"
      threshold   = 1
    }
    events-dropped = {
      description = "Lambda gave up on images, after all retries or because they waited too long."
      namespace   = "AWS/Lambda"
      metric_name = "AsyncEventsDropped"
      dimensions  = local.generator
      statistic   = "Sum"
      threshold   = 1
    }
    events-wait = {
      description = "Images wait for the index generator for more than half an hour."
      namespace   = "AWS/Lambda"
      metric_name = "AsyncEventAge"
      dimensions  = local.generator
      statistic   = "Maximum"
      threshold   = 1800000
    }
  }
}

output "alarms" {
  description = "Arguments of the alarms, by name"
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
