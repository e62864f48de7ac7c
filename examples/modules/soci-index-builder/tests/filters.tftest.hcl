# Run `terraform test` (1.8 or newer) or `tofu test` in the module's directory. Nothing is created
# and no AWS account is needed: the provider is mocked, except for its functions and its schema.
mock_provider "soci" {
  mock_resource "soci_index_builder" {
    defaults = {
      index_generator_function_name = "images-index-generator"
    }
  }
}

variables {
  name = "images"
  images = {
    "shop/*"       = ["*"]
    "platform/api" = ["release-*", "latest"]
  }
}

run "one_filter_for_each_repository_and_tag" {
  assert {
    condition     = output.filters == tolist(["platform/api:latest", "platform/api:release-*", "shop/*:*"])
    error_message = "Other filters than \"images\" specifies."
  }
  assert {
    condition     = output.index_generator_function_name == "images-index-generator"
    error_message = "The output is not the function's name."
  }
}

run "an_expected_image_that_no_filter_matches_fails_the_plan" {
  command = plan
  variables {
    expected = ["shop/web:1.4", "tools/cli:1"]
  }
  expect_failures = [soci_index_builder.this]
}

run "an_expected_image_that_is_excluded_fails_the_plan" {
  command = plan
  variables {
    excluded = { "*" = ["*-dev"] }
    expected = ["shop/web:1.4-dev"]
  }
  expect_failures = [soci_index_builder.this]
}

run "a_repository_without_tags_is_refused" {
  command = plan
  variables {
    images = { "shop/*" = [] }
  }
  expect_failures = [var.images]
}
