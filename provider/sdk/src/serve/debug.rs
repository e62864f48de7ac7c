//! `-debug` mode: lets Terraform use a provider that it did not start.

use serde_json::json;

use super::listener::Address;
use crate::protocol::PROTOCOL;

/// Returns the message with the variable to set in Terraform's environment.
pub(super) fn announcement(provider: &str, at: &Address) -> String {
    let reattach = json!({
        provider: {
            "Protocol": "grpc",
            "ProtocolVersion": PROTOCOL,
            "Pid": std::process::id(),
            // Terraform neither starts nor stops the process.
            "Test": true,
            "Addr": { "Network": at.network, "String": at.place },
        }
    });
    // In single quotes, which appear in neither the JSON nor the values.
    format!(
        "The provider runs until Ctrl-C. To use it, set this environment variable for Terraform:\n\n\
         \tTF_REATTACH_PROVIDERS='{reattach}'\n\n"
    )
}
