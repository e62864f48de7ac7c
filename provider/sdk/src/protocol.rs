//! Constants that host and plugin agree on.

/// The magic cookie: proves nothing, but keeps people from starting a plugin
/// by accident.
pub(crate) const COOKIE: (&str, &str) = (
    "TF_PLUGIN_MAGIC_COOKIE",
    "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
);

/// Version of go-plugin's own protocol.
pub(crate) const CORE_PROTOCOL: u32 = 1;

/// Version of Terraform's protocol that the crate speaks.
pub(crate) const PROTOCOL: u32 = 6;

/// Terraform's limit of a message, in bytes.
pub(crate) const MESSAGE_LIMIT: usize = 256 << 20;
