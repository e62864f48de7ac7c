//! What the provider block says of AWS: attributes, blocks, and their checks.

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

/// Who asks.
fn credentials(schema: Schema) -> Schema {
    let files = || validators::each(validators::string(check::not_empty));
    let ids = |description| {
        set_of_texts(description).validate(validators::each(validators::string(check::account_id)))
    };
    schema
        .attribute(
            "access_key",
            text(
                "AWS access key. Wants `secret_key` beside it. Can also be set with the \
                 environment variable `AWS_ACCESS_KEY_ID`, or in a shared credentials file.",
            )
            .validate(validators::string(check::not_empty)),
        )
        .attribute(
            "secret_key",
            secret(
                "AWS secret key. Wants `access_key` beside it. Can also be set with the \
                 environment variable `AWS_SECRET_ACCESS_KEY`, or in a shared credentials file.",
            ),
        )
        .attribute(
            "token",
            secret(
                "Session token of temporary credentials. Wants `access_key` and `secret_key` \
                 beside it. Can also be set with the environment variable `AWS_SESSION_TOKEN`.",
            ),
        )
        .attribute(
            "profile",
            text(
                "Name of the AWS profile in the shared files. If set here, its credentials are \
                 used even where there are others in environment variables. Can also be set with \
                 the environment variable `AWS_PROFILE`.",
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
                "The only AWS account IDs that the provider may work in, as a guard against the \
                 wrong credentials. Conflicts with `forbidden_account_ids`.",
            ),
        )
        .attribute(
            "forbidden_account_ids",
            ids(
                "AWS account IDs that the provider must not work in. Conflicts with \
                 `allowed_account_ids`.",
            ),
        )
        .attribute(
            "skip_credentials_validation",
            switch(
                "Whether to leave out the check of the credentials with STS that precedes their \
                 first use; for AWS-compatible services without STS. Account IDs that are \
                 allowed or forbidden are looked at all the same. Default: `false`.",
            ),
        )
}

/// Where AWS is, and how it is spoken to.
fn connection(schema: Schema) -> Schema {
    schema
        .attribute(
            "region",
            text(
                "AWS region, such as `eu-west-1`. Can also be set with the environment variables \
                 `AWS_REGION` and `AWS_DEFAULT_REGION`, or in a shared config file. Images are \
                 read from the region that their registry's name gives, whichever this is.",
            )
            .validate(validators::string(check::region)),
        )
        .attribute(
            "max_retries",
            Attribute::number()
                .optional()
                .validate(validators::number_range(0..=100))
                .description(
                    "How often a request to AWS is made again when it was throttled or failed \
                     for a moment. Default: 9. Can also be set with the environment variable \
                     `AWS_MAX_ATTEMPTS`, which counts the first request too.",
                ),
        )
        .attribute(
            "retry_mode",
            text(
                "How requests to AWS are made again: `standard`, or `adaptive`, which also slows \
                 down when AWS throttles. Default: `standard`. Can also be set with the \
                 environment variable `AWS_RETRY_MODE`.",
            )
            .validate(validators::one_of(["standard", "adaptive"])),
        )
        .attribute(
            "custom_ca_bundle",
            text(
                "Path of a PEM file with further certificate authorities to trust, beside the \
                 system's; for AWS and for registries. Can also be set with the environment \
                 variable `AWS_CA_BUNDLE`.",
            )
            .validate(validators::string(check::not_empty)),
        )
        .attribute(
            "use_fips_endpoint",
            switch(
                "Whether to use endpoints that are validated for FIPS 140. Can also be set with \
                 the environment variable `AWS_USE_FIPS_ENDPOINT`.",
            ),
        )
        .attribute(
            "use_dualstack_endpoint",
            switch(
                "Whether to use endpoints that are reached over IPv6 too. Can also be set with \
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
                .description("Tags for every resource that can have some.")
                .attribute(
                    "tags",
                    Attribute::map(Type::String)
                        .optional()
                        .validate(check::tags)
                        .description(
                            "Tags by key. A tag of a resource wins over one of the same key \
                             here. Can also be set with environment variables \
                             `TF_AWS_DEFAULT_TAGS_<key>`.",
                        ),
                ),
        )
}

/// What the two ways to a role have in common.
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
                "How long the credentials of the role last, 15 minutes to 12 hours, such as \
                 `1h30m`. Default: an hour.",
            )
            .validate(validators::string(check::session_duration)),
        )
        .attribute(
            "policy",
            text("IAM policy, as JSON, that narrows what the role may do in the session.")
                .validate(validators::string(check::policy)),
        )
        .attribute(
            "policy_arns",
            set_of_texts("ARNs of IAM policies that narrow what the role may do in the session.")
                .validate(validators::each(validators::string(check::policy_arn))),
        )
}

fn assume_role() -> Block {
    let block = Block::list()
        .description(
            "A role to assume. With several blocks, each role is assumed with the credentials of \
             the one before.",
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
            text("External ID that the role's trust policy asks for.")
                .validate(validators::string(check::external_id)),
        )
        .attribute(
            "source_identity",
            text("Source identity that stays with the session, whatever roles follow.")
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
            set_of_texts("Keys of session tags that are passed on to roles that follow."),
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
                "Path of a file with the token, read whenever credentials are needed. Conflicts \
                 with `web_identity_token`. Can also be set with the environment variable \
                 `AWS_WEB_IDENTITY_TOKEN_FILE`.",
            )
            .validate(validators::string(check::not_empty)),
        );
    role(block)
}

fn endpoints() -> Block {
    let mut block =
        Block::list().description("URLs of AWS services, where they are not the region's own.");
    for (service, name, variable) in [
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

/// Checks that take more than one attribute.
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
