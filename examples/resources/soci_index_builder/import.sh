terraform import soci_index_builder.this soci-index-builder

# One whose rule is on another event bus than "default"
terraform import soci_index_builder.this images/soci-index-builder

# One in another region than the provider's
terraform import soci_index_builder.this soci-index-builder@us-east-1
