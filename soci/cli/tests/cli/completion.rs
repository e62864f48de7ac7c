//! Completion scripts and manual pages.

use crate::support::{fail, succeed};

#[test]
fn every_shell_gets_a_script() {
    for (shell, mark) in [
        ("bash", "complete -F _soci"),
        ("zsh", "#compdef soci"),
        ("fish", "complete -c soci"),
    ] {
        let script = succeed(&["completions", shell]);
        assert!(script.contains(mark), "{shell}: {script}");
        assert!(
            script.contains("--span-size") || script.contains("span-size"),
            "{shell}"
        );
    }
    fail(&["completions", "no-such-shell"], 2);
}

#[test]
fn every_command_gets_a_manual_page() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().to_str().expect("a path");
    succeed(&["man", path]);
    for page in [
        "soci",
        "soci-create",
        "soci-convert",
        "soci-inspect",
        "soci-verify",
        "soci-ztoc-build",
    ] {
        let page = directory.path().join(format!("{page}.1"));
        let text = std::fs::read_to_string(&page);
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        assert!(text.contains(".SH NAME") && text.contains("soci"), "{text}");
    }
    fail(&["man", "/no/such/directory"], 1);
    succeed(&["man", path, "--markdown"]);
    let page = std::fs::read_to_string(directory.path().join("soci-ztoc-build.md"));
    assert!(page.expect("a page").contains("# soci ztoc build\n"));
    fail(&["man", "/no/such/directory", "--markdown"], 1);
}
