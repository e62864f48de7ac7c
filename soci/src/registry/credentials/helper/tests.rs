use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;

use super::*;

fn output(stdout: &str, stderr: &str) -> Output {
    Output {
        status: ExitStatus::from_raw(1 << 8),
        stdout: stdout.into(),
        stderr: stderr.into(),
    }
}

#[test]
fn what_is_not_found() {
    for words in [
        "credentials not found in native keychain",
        "Error: credentials not found in native keychain\n",
        "The specified item could not be found in the keychain.",
    ] {
        assert!(output(words, "").says_not_found(), "{words}");
        assert!(output("", words).says_not_found(), "{words}");
    }
    assert!(!output("error getting credentials: locked", "").says_not_found());
}

#[test]
fn quotations_are_short_and_no_secrets() {
    for (stdout, stderr, want) in [
        (
            "pass is not initialised\nmore",
            "",
            "exit status: 1, \"pass is not initialised\"",
        ),
        ("", "\n locked\u{7}\n", "exit status: 1, \"locked\""),
        ("", "", "exit status: 1"),
        (
            r#"{"Username":"u","Secret":"hunter2"}"#,
            "locked",
            "exit status: 1, \"locked\"",
        ),
        ("Secret: hunter2", "", "exit status: 1"),
    ] {
        assert_eq!(output(stdout, stderr).quote(), want);
    }
    assert!(output(&"x".repeat(10_000), "").quote().len() < 300);
}

#[tokio::test]
async fn a_program_that_does_not_exist() {
    for (program, want) in [
        ("docker-credential-of-nobody", "not found on PATH"),
        ("docker-credential-../evil", "no slash"),
    ] {
        let error = get(program, "r.test").await.expect_err("an error");
        let text = error.to_string();
        assert!(text.starts_with(program) && text.contains(want), "{text}");
    }
}

/// Answers are read in full, whatever the program does with its input.
#[tokio::test]
async fn programs_are_run() {
    let directory = tempfile::tempdir().expect("a directory");
    let program = directory.path().join("helper");
    let script = "#!/bin/sh\nprintf 'asked %s for %s' \"$1\" \"$(cat)\"\n";
    std::fs::write(&program, script).expect("written");
    let executable = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&program, executable).expect("made executable");
    let output = run(program.to_str().expect("a path"), "r.test")
        .await
        .expect("it runs");
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "asked get for r.test"
    );
}
