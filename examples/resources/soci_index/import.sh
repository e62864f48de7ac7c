terraform import soci_index.web V2/registry.example.com/shop/web:1.4
