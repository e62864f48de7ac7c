//! The command `soci`.

use std::fs;
use std::net::TcpListener;

use anyhow::{Context, Result, ensure};
use tests::interrupt::Interrupt;
use tests::process::Process;
use tests::{process, wait, workspace};

use crate::release::{self, Platform, VERSION};
use crate::root::Root;

/// Returns the root with the command in it, and the words that run it.
fn root(platform: Platform) -> Result<(Root, Vec<&'static str>)> {
    let root = Root::new()?;
    let files = release::command(platform)?;
    let soci = files.into_iter().find(|(path, _)| path == "soci");
    root.program("soci", soci.context("no soci")?.1)?;
    let mut words = vec!["/soci"];
    if let Some(emulator) = platform.emulator()? {
        root.copy("emulator", &emulator)?;
        words.insert(0, "/emulator");
    }
    Ok((root, words))
}

#[test]
fn starts_in_an_empty_root() -> Result<()> {
    for platform in Platform::ALL {
        let (root, mut words) = root(platform)?;
        words.push("--version");
        let output = process::run(&mut root.command(&words), wait::SOON, &Interrupt::default())?;
        assert_eq!(output.success()?.stdout, format!("soci {VERSION}\n"));
    }
    Ok(())
}

#[test]
fn builds_the_same_ztoc_on_each_platform() -> Result<()> {
    let vectors = workspace::root().join("tests/vectors");
    for layer in ["kinds.tar.gz", "many.tar.gz", "big-file.tar.gz"] {
        let content = fs::read(vectors.join("layers").join(layer))?;
        let mut built = Vec::new();
        for platform in Platform::ALL {
            let (root, mut words) = root(platform)?;
            root.write("here/layer", &content)?;
            words.extend(["ztoc", "build", "/here/layer", "--output", "/here/ztoc"]);
            let output =
                process::run(&mut root.command(&words), wait::SOON, &Interrupt::default())?;
            output.success()?;
            built.push(fs::read(root.path("here/ztoc"))?);
        }
        assert!(!built[0].is_empty(), "{layer}");
        assert!(built[0] == built[1], "{layer}: other bytes");
    }
    Ok(())
}

/// The C library inside looks names up by itself, as `/etc/hosts` and `/etc/resolv.conf` say.
#[test]
fn looks_names_up() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let (root, mut words) = root(Platform::Amd64)?;
    root.write("etc/hosts", "127.0.0.1 registry.test\n")?;
    let port = listener.local_addr()?.port();
    let image = format!("registry.test:{port}/shop/web:1");
    words.extend(["inspect", &image, "--plain-http"]);
    let mut process = Process::start(&mut root.command(&words), None)?;
    wait::until("a connection", wait::SOON, || {
        let ended = process.try_status()?;
        ensure!(ended.is_none(), "{ended:?}\n{}", process.output_so_far());
        Ok(listener.accept().ok())
    })?;
    Ok(())
}
