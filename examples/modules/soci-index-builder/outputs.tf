output "filters" {
  description = "The filters, as the builder has them."
  value       = soci_index_builder.this.repository_image_tag_filters
}

output "index_generator_function_name" {
  description = "The function that builds indexes: watch its errors and its log."
  value       = soci_index_builder.this.index_generator_function_name
}

output "index_generator_log_group_name" {
  description = "Its log group."
  value       = soci_index_builder.this.index_generator_log_group_name
}

output "event_filter_function_name" {
  description = "The function that decides what is indexed."
  value       = soci_index_builder.this.event_filter_function_name
}
