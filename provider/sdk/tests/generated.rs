//! The generated code under src/proto equals what the definitions under
//! proto give. After a change there:
//!
//! ```sh
//! UPDATE=1 cargo test -p tfplugin-sdk --test generated
//! ```

use std::path::{Path, PathBuf};

const DEFINITIONS: [&str; 3] = ["tfplugin6.proto", "go_plugin.proto", "health.proto"];
const GENERATED: [&str; 3] = ["tfplugin6.rs", "plugin.rs", "grpc.health.v1.rs"];

#[test]
fn committed_code_is_what_the_definitions_give() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let definitions = root.join("proto");
    let committed = root.join("src/proto");
    let fresh = tempfile::tempdir().expect("a temporary folder");

    // The compiler is protox, in Rust: nobody needs an installed protoc.
    let descriptors = protox::Compiler::new([&definitions])
        .expect("the folder proto")
        .include_source_info(true)
        .open_files(DEFINITIONS.map(PathBuf::from))
        .expect("the definitions compile")
        .file_descriptor_set();
    tonic_prost_build::configure()
        .build_transport(false)
        // A provider has no use for clients.
        .client_mod_attribute(".", "#[cfg(feature = \"testing\")]")
        .out_dir(fresh.path())
        .compile_fds(descriptors)
        .expect("code is generated");

    let update = std::env::var_os("UPDATE").is_some();
    for name in GENERATED {
        let want = std::fs::read_to_string(fresh.path().join(name)).expect("a generated file");
        let path = committed.join(name);
        if update {
            std::fs::write(&path, &want).expect("src/proto can be written");
        }
        let got = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            got == want,
            "{} differs from proto/*.proto; run: UPDATE=1 cargo test -p tfplugin-sdk --test generated",
            path.display()
        );
    }
}
