//! Attributes and blocks of the provider that configure AWS.

use tfplugin_sdk::{Attribute, Block, Diagnostics, Schema, Type, Value, validators};

use super::check;

/// Adds the attributes and blocks to a schema.
pub(crate) fn add_to(schema: Schema) -> Schema {
    blocks(connection(credentials(schema)))
}

fn text(description: &str) -> Attribute {
    Attribute::string().optional().description(description)
}

fn secret(description: &str) -> Attribute {
    text(description)
        .sensitive()
        .validate(validators::string(check::not_empty))
}

fn texts(description: &str) -> Attribute {
    Attribute::list(Type::String)
        .optional()
        .description(description)
}

fn set_of_texts(description: &str) -> Attribute {
    Attribute::set(Type::String)
        .optional()
        .description(description)
}

fn switch(description: &str) -> Attribute {
    Attribute::bool().optional().description(description)
}

fn credentials(schema: Schema) -> Schema {
    let files = || validators::each(validators::string(check::not_empty));
    let ids = |description| {
        set_of_texts(description).validate(validators::each(validators::string(check::account_id)))
    };
    schema
        .attribute(
            "access_key",
            text(
                "AWS access key. Requires `secret_key`. Can also be set with the \
                 environment variable `AWS_ACCESS_KEY_ID`, or in a shared credentials file.",
            )
            .validate(validators::string(check::not_empty)),
        )
        .attribute(
            "secret_key",
            secret(
                "AWS secret key. Requires `access_key`. Can also be set with the \
                 environment variable `AWS_SECRET_ACCESS_KEY`, or in a shared credentials file.",
            ),
        )
        .attribute(
            "token",
            secret(
                "Session token of temporary credentials. Requires `access_key` and `secret_key`. \
                 Can also be set with the environment variable `AWS_SESSION_TOKEN`.",
            ),
        )
        .attribute(
            "profile",
            text(
                "Name of the profile in the shared config and credentials files. If set here, its \
                 credentials take precedence over those in environment variables. Can also be set \
                 with the environment variable `AWS_PROFILE`.",
            )
            .validate(validators::string(check::not_empty)),
        )
        .attribute(
            "shared_config_files",
            texts(
                "Paths of shared config files. Default: `~/.aws/config`. Can also be set with the \
                 environment variable `AWS_CONFIG_FILE`.",
            )
            .validate(files()),
        )
        .attribute(
            "shared_credentials_files",
            texts(
                "Paths of shared credentials files. Default: `~/.aws/credentials`. Can also be \
                 set with the environment variable `AWS_SHARED_CREDENTIALS_FILE`.",
            )
            .validate(files()),
        )
        .attribute(
            "allowed_account_ids",
            ids(
                "The only AWS account IDs that the provider may use, as a guard against the wrong \
                 credentials. Conflicts with `forbidden_account_ids`.",
            ),
        )
        .attribute(
            "forbidden_account_ids",
            ids(
                "AWS account IDs that the provider must not use. Conflicts with \
                 `allowed_account_ids`.",
            ),
        )
        .attribute(
            "skip_credentials_validation",
            switch(
                "Whether to skip validating the credentials with STS before their first use; for \
                 AWS-compatible services without STS. Allowed and forbidden account IDs are \
                 checked anyway. Default: `false`.",
            ),
        )
}

fn connection(schema: Schema) -> Schema {
    schema
        .attribute(
            "region",
            text(
                "AWS region, such as `eu-west-1`. Can also be set with the environment variables \
                 `AWS_REGION` and `AWS_DEFAULT_REGION`, or in a shared config file. Images in \
                 Amazon ECR are read from the region in their registry's name.",
            )
            .validate(validators::string(check::region)),
        )
        .attribute(
            "max_retries",
            Attribute::number()
                .optional()
                .validate(validators::number_range(0..=100))
                .description(
                    "Maximum number of times a request to AWS is retried when it is throttled or \
                     fails temporarily. Default: 9. Can also be set with the environment variable \
                     `AWS_MAX_ATTEMPTS`, which counts the first attempt too.",
                ),
        )
        .attribute(
            "retry_mode",
            text(
                "How requests to AWS are retried: `standard`, or `adaptive`, which also slows \
                 down when AWS throttles. Default: `standard`. Can also be set with the \
                 environment variable `AWS_RETRY_MODE`.",
            )
            .validate(validators::one_of(["standard", "adaptive"])),
        )
        .attribute(
            "custom_ca_bundle",
            text(
                "Path of a PEM file with certificate authorities to trust in addition to the \
                 system's, for AWS and for registries. Can also be set with the environment \
                 variable `AWS_CA_BUNDLE`.",
            )
            .validate(validators::string(check::not_empty)),
        )
        .attribute(
            "use_fips_endpoint",
            switch(
                "Whether to use endpoints validated for FIPS 140. Can also be set with \
                 the environment variable `AWS_USE_FIPS_ENDPOINT`.",
            ),
        )
        .attribute(
            "use_dualstack_endpoint",
            switch(
                "Whether to use endpoints that are also reachable over IPv6. Can also be set with \
                 the environment variable `AWS_USE_DUALSTACK_ENDPOINT`.",
            ),
        )
}

fn blocks(schema: Schema) -> Schema {
    schema
        .block("assume_role", assume_role())
        .block("assume_role_with_web_identity", web_identity())
        .block("endpoints", endpoints())
        .block(
            "default_tags",
            Block::list()
                .max_items(1)
                .description("Tags for every resource that supports them.")
                .attribute(
                    "tags",
                    Attribute::map(Type::String)
                        .optional()
                        .validate(check::tags)
                        .description(
                            "Tags by key. A tag of the resource itself takes precedence. Can \
                             also be set with environment variables \
                             `TF_AWS_DEFAULT_TAGS_<key>`.",
                        ),
                ),
        )
        .block("ignore_tags", ignored_tags())
}

fn ignored_tags() -> Block {
    let texts = |what: &str, variable: &str| {
        set_of_texts(&format!(
            "{what} of the tags to ignore. Can also be set with the environment variable \
             `{variable}`, separated by commas; both are merged."
        ))
        .validate(validators::each(validators::string(check::not_empty)))
    };
    Block::list()
        .max_items(1)
        .description(
            "Tags that are managed elsewhere: whatever the resource or `default_tags` say, they \
             are set only when something is created, never changed or removed, and appear \
             neither in `tags_all` nor as a difference.",
        )
        .attribute("keys", texts("Keys", "TF_AWS_IGNORE_TAGS_KEYS"))
        .attribute(
            "key_prefixes",
            texts("Prefixes of the keys", "TF_AWS_IGNORE_TAGS_KEY_PREFIXES"),
        )
}

/// Adds the attributes that both ways of assuming a role share.
fn role(block: Block) -> Block {
    block
        .attribute(
            "session_name",
            text("Name of the session. Default: `terraform-provider-soci`.")
                .validate(validators::string(check::session_name)),
        )
        .attribute(
            "duration",
            text(
                "Lifetime of the role's credentials, 15 minutes to 12 hours, such as `1h30m`. \
                 Default: one hour.",
            )
            .validate(validators::string(check::session_duration)),
        )
        .attribute(
            "policy",
            text("IAM policy in JSON that restricts the permissions of the session.")
                .validate(validators::string(check::policy)),
        )
        .attribute(
            "policy_arns",
            set_of_texts("ARNs of IAM policies that restrict the permissions of the session.")
                .validate(validators::each(validators::string(check::policy_arn))),
        )
}

fn assume_role() -> Block {
    let block = Block::list()
        .description(
            "A role to assume. With several blocks, each role is assumed with the credentials of \
             the previous one.",
        )
        .attribute(
            "role_arn",
            Attribute::string()
                .required()
                .description("ARN of the role.")
                .validate(validators::string(check::role_arn)),
        )
        .attribute(
            "external_id",
            text("External ID that the role's trust policy requires.")
                .validate(validators::string(check::external_id)),
        )
        .attribute(
            "source_identity",
            text("Source identity of the session, which persists when further roles are assumed.")
                .validate(validators::string(check::session_name)),
        )
        .attribute(
            "tags",
            Attribute::map(Type::String)
                .optional()
                .validate(check::tags)
                .description("Tags of the session."),
        )
        .attribute(
            "transitive_tag_keys",
            set_of_texts("Keys of session tags that are passed on to further roles."),
        );
    role(block)
}

fn web_identity() -> Block {
    let block = Block::list()
        .max_items(1)
        .description("A role to assume with a token of an OpenID Connect provider.")
        .attribute(
            "role_arn",
            text("ARN of the role. Can also be set with the environment variable `AWS_ROLE_ARN`.")
                .validate(validators::string(check::role_arn)),
        )
        .attribute(
            "web_identity_token",
            secret("The token. Conflicts with `web_identity_token_file`."),
        )
        .attribute(
            "web_identity_token_file",
            text(
                "Path of a file with the token, read each time credentials are needed. Conflicts \
                 with `web_identity_token`. Can also be set with the environment variable \
                 `AWS_WEB_IDENTITY_TOKEN_FILE`.",
            )
            .validate(validators::string(check::not_empty)),
        );
    role(block)
}

fn endpoints() -> Block {
    let mut block = Block::list()
        .description("URLs of AWS services that replace the default ones of the region.");
    for (service, name, variable) in [
        ("dynamodb", "Amazon DynamoDB", "DYNAMODB"),
        ("ecr", "Amazon ECR", "ECR"),
        ("events", "Amazon EventBridge", "EVENTBRIDGE"),
        ("iam", "IAM", "IAM"),
        ("lambda", "AWS Lambda", "LAMBDA"),
        ("logs", "Amazon CloudWatch Logs", "CLOUDWATCH_LOGS"),
        ("sts", "AWS STS", "STS"),
    ] {
        let description = format!(
            "URL of {name}. Can also be set with the environment variables \
             `AWS_ENDPOINT_URL_{variable}` and, for all services, `AWS_ENDPOINT_URL`."
        );
        let attribute = text(&description).validate(validators::string(check::url));
        block = block.attribute(service, attribute);
    }
    block
}

/// Checks combinations of attributes.
pub(crate) fn validate(config: &Value) -> Diagnostics {
    check::across(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_sound() {
        let found = add_to(Schema::new()).check("the provider");
        assert!(found.is_empty(), "{found:?}");
    }
}
