output "filters" {
  description = "Filters of the builder, as repository:tag."
  value       = soci_index_builder.this.repository_image_tag_filters
}

output "index_generator_function_name" {
  description = "Name of the index generator, the function that indexes images. Monitor its errors and its log."
  value       = soci_index_builder.this.index_generator_function_name
}

output "index_generator_log_group_name" {
  description = "Name of the index generator's log group."
  value       = soci_index_builder.this.index_generator_log_group_name
}

output "event_filter_function_name" {
  description = "Name of the event filter, the function that selects the images to index."
  value       = soci_index_builder.this.event_filter_function_name
}
