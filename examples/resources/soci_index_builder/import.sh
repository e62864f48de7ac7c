terraform import soci_index_builder.this soci-index-builder

# A builder whose rule is on an event bus other than "default"
terraform import soci_index_builder.this images/soci-index-builder

# A builder in a region other than the provider's
terraform import soci_index_builder.this soci-index-builder@us-east-1
