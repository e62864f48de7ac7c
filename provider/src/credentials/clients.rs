//! HTTP clients: one for most registries, and one for each registry with its own settings.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use soci::{Client, ImageReference};
use tfplugin_sdk::Diagnostic;

use super::registry_auth::{Entries, Transport};
use crate::aws::{expand, read_certificates};

pub(super) struct Clients {
    /// The client for registries without their own settings.
    default: Client,
    /// Certificates to trust in addition to the system's.
    roots: Option<Vec<u8>>,
    others: Mutex<HashMap<String, Client>>,
}

impl Clients {
    pub(super) fn new(roots: Option<&[u8]>) -> Result<Self, Diagnostic> {
        Ok(Self {
            default: create(roots)?,
            roots: roots.map(<[u8]>::to_vec),
            others: Mutex::default(),
        })
    }

    /// Returns the client for the registry of an image.
    pub(super) fn find(
        &self,
        configured: &Entries,
        image: &ImageReference,
    ) -> Result<Client, Diagnostic> {
        let registry = image.registry();
        let transport = match configured.transport(registry) {
            Some(transport) if transport != Transport::default() => transport,
            _ => return Ok(self.default.clone()),
        };
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = others.get(registry) {
            return Ok(client.clone());
        }
        let mut roots = self.roots.clone();
        if let Some(file) = &transport.ca_file {
            let path = expand(file);
            let pem = read_certificates(&path).map_err(|reason| {
                let detail = format!(
                    "While reading the ca_file of the registry_auth block for {registry}, {}: \
                     {reason}.\n\nSet ca_file to a file with certificates in PEM form, each between \
                     -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----.",
                    path.display()
                );
                Diagnostic::error("Certificate authorities not usable", detail)
            })?;
            let roots = roots.get_or_insert_default();
            roots.push(b'\n');
            roots.extend(pem);
        }
        let mut client = create(roots.as_deref())?;
        if let Some(plain) = transport.plain_http {
            client = client.with_plain_http(plain);
        } else if transport.ca_file.is_some() {
            client = client.with_plain_http(false);
        }
        others.insert(registry.to_owned(), client.clone());
        Ok(client)
    }
}

fn create(roots: Option<&[u8]>) -> Result<Client, Diagnostic> {
    let client = match roots {
        Some(pem) => Client::with_root_certificates(pem),
        None => Client::new(),
    };
    client.map_err(|error| Diagnostic::error("Cannot connect to registries", format!("{error}.")))
}
