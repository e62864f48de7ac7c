//! The reference implementation, on the layers that the properties are tried on: the same bytes.

use std::cell::RefCell;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};
use serde_json::{Value, json};
use soci::ztoc::Options;

use crate::archive::archive;
use crate::archive_writer;
use crate::cases;
use crate::encoding::{Encoding, encoding};
use crate::layers::{build, compression, span_size};

/// How many layers both are given.
const LAYERS: u32 = 300;

/// `tests/interop/go/reference`, which links the reference implementation. It ends with its
/// standard input.
struct Reference {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    directory: tempfile::TempDir,
}

impl Reference {
    fn start() -> Self {
        let program = program();
        let mut child = Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "{}: {error}: run `make interop`, which builds it",
                    program.display()
                )
            });
        let requests = child.stdin.take().expect("stdin is piped");
        let answers = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Self {
            child,
            requests,
            answers,
            directory: tempfile::tempdir().expect("a directory"),
        }
    }

    /// The zTOC of a layer, or why there is none.
    fn build(
        &mut self,
        layer: &[u8],
        encoding: &Encoding,
        span_size: u64,
    ) -> Result<Vec<u8>, String> {
        let at = |name: &str| self.directory.path().join(name);
        let (blob, output) = (at("layer"), at("ztoc"));
        fs::write(&blob, layer).expect("a file");
        let compression = match encoding {
            Encoding::Plain => "uncompressed",
            Encoding::Gzip(_) => "gzip",
        };
        let request = json!({
            "layer": blob,
            "output": output,
            "span_size": span_size,
            "build_tool": Options::default().build_tool,
            "compression": compression,
        });
        writeln!(self.requests, "{request}").expect("the reference runs");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("an answer");
        let answer: Value = serde_json::from_str(&answer).expect("an answer");
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(fs::read(&output).expect("a zTOC")),
        }
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    let directory = env::var_os("SOCI_INTEROP_BIN_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/interop"),
        PathBuf::from,
    );
    directory.join("reference")
}

#[test]
#[ignore = "needs a program that `make interop` builds"]
fn ours_and_the_references_ztocs_are_the_same_bytes() {
    let reference = RefCell::new(Reference::start());
    // What fails here need not be a case for the properties.
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..cases(LAYERS)
    });
    let outcome = runner.run(
        &(archive(12), encoding(), span_size()),
        |(archive, encoding, span_size)| {
            let layer = Bytes::from(encoding.encode(&archive_writer::write(&archive).bytes));
            let ours = build(&layer, compression(&encoding), span_size, &[]).to_bytes();
            let mut reference = reference.borrow_mut();
            let theirs = reference.build(&layer, &encoding, span_size);
            prop_assert!(theirs.is_ok(), "{theirs:?}");
            prop_assert!(theirs == Ok(ours.to_vec()), "the bytes differ");
            Ok(())
        },
    );
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, case)) => panic!("{reason}\n{case:#?}"),
        Err(error) => panic!("{error}"),
    }
}
