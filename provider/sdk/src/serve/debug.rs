//! `-debug`: lets Terraform find a provider that it did not start.

use serde_json::json;

use super::listener::Address;
use crate::protocol::PROTOCOL;

/// Returns the text with the variable to put into Terraform's environment.
pub(super) fn announcement(provider: &str, at: &Address) -> String {
    let reattach = json!({
        provider: {
            "Protocol": "grpc",
            "ProtocolVersion": PROTOCOL,
            "Pid": std::process::id(),
            // Terraform neither starts nor ends the process.
            "Test": true,
            "Addr": { "Network": at.network, "String": at.place },
        }
    });
    // In single quotes, which neither JSON nor the values have.
    format!(
        "The provider runs until Ctrl-C. To use it, set this environment variable for Terraform:\n\n\
         \tTF_REATTACH_PROVIDERS='{reattach}'\n\n"
    )
}
