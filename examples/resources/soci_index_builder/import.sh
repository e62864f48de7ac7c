terraform import soci_index_builder.this soci-index-builder
