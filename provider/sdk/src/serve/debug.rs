//! `-debug`: how Terraform finds a provider that it did not start.

use serde_json::json;

use super::handshake::PROTOCOL;
use super::listener::Address;

/// What a person is to put into the environment of Terraform.
pub(super) fn announcement(provider: &str, at: &Address) -> String {
    let reattach = json!({
        provider: {
            "Protocol": "grpc",
            "ProtocolVersion": PROTOCOL,
            "Pid": std::process::id(),
            // Terraform neither starts nor ends it.
            "Test": true,
            "Addr": { "Network": at.network, "String": at.place },
        }
    });
    // In single quotes, which neither JSON nor the values have.
    format!(
        "The provider runs until Ctrl-C. Let Terraform use it with:\n\n\
         \tTF_REATTACH_PROVIDERS='{reattach}'\n\n"
    )
}
