# Indexes the image whenever a new digest is set below
action "soci_build_index" "web" {
  config {
    image = "registry.example.com/shop/web:1.4"
  }
}

resource "terraform_data" "web_image" {
  input = "sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b"

  lifecycle {
    action_trigger {
      events  = [after_create, after_update]
      actions = [action.soci_build_index.web]
    }
  }
}
