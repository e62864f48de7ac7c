locals {
  filters = sort(distinct(flatten([
    for repository, tags in var.images : [for tag in tags : "${repository}:${tag}"]
  ])))

  excluded = sort(distinct(flatten([
    for repository, tags in var.excluded : [for tag in tags : "${repository}:${tag}"]
  ])))

  # filter_matches decides as the event filter does.
  missed = [
    for image in var.expected : image
    if !provider::soci::filter_matches(local.filters, split(":", image)[0], split(":", image)[1], {
      excluded_image_tag_filters = local.excluded
    })
  ]
}

resource "soci_index_builder" "this" {
  name                         = var.name
  repository_image_tag_filters = local.filters
  excluded_image_tag_filters   = local.excluded
  index_version                = var.index_version
  index_existing               = var.index_existing
  sweep_schedule               = var.sweep_schedule
  permissions_boundary         = var.permissions_boundary
  tags                         = var.tags

  lifecycle {
    precondition {
      condition     = length(local.missed) == 0
      error_message = "No entry of \"images\" matches ${join(", ", local.missed)}, or \"excluded\" does: correct the patterns, or \"expected\"."
    }
  }
}
