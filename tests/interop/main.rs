//! SOCI indexes against the programs that read, store and copy them: the snapshotter that mounts
//! images by them, the registries that hold them, the reference that defines their bytes.
//!
//! `make interop` builds what this needs and runs it; `make test` does not. The programs come from
//! `tests/interop/go`, which pins the releases.

mod archive;
mod consumer;
mod generator;
mod huge;
mod image;
mod lazy;
mod machine;
mod mounts;
mod page;
mod record;
mod reference;
mod registries;
mod requests;
mod rootfs;
mod scene;
mod store;
mod tampered;
mod tree;
