terraform import soci_index.web V2/registry.example.com/shop/web:1.4

# A SOCI-enabled image with a custom tag
terraform import soci_index.api V2/registry.example.com/shop/api:1.4,1.4-lazy

# A V1 index, which refers to the image
terraform import soci_index.worker V1/registry.example.com/shop/worker:1.4
