//! A release as its users meet it: the archives of `make dist`, each in a root without any other file but
//! the certificate authorities that the system trusts.
//!
//! `make dist-test` runs this, `make test` does not. Programs for arm64 run in QEMU.

mod command;
mod functions;
mod provider;
mod release;
mod root;
