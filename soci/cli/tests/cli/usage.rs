//! Arguments that are refused, and exit codes.

use crate::support::{fail, layout, soci, soci_with, succeed, text, vectors};

#[test]
fn invalid_command_lines() {
    for (arguments, code, message) in [
        (&["convert"][..], 2, "required arguments"),
        (
            &["convert", "a:b", "--platform", "linux"],
            2,
            "want os/architecture",
        ),
        (
            &["convert", "a:b", "--span-size", "0"],
            2,
            "want 64 KiB to 1 GiB",
        ),
        (
            &["convert", "a:b", "--username", "u"],
            2,
            "--password-stdin",
        ),
        (&["convert", "https://a.test/b"], 2, "leave out the scheme"),
        (
            &["inspect", "oci:/no/such/directory"],
            1,
            "/no/such/directory/index.json",
        ),
        (&["inspect", "127.0.0.1:1/a:b"], 1, "127.0.0.1:1/a:b"),
        (&["ztoc", "info", "/no/such/file"], 1, "/no/such/file"),
    ] {
        let got = soci(arguments);
        assert_eq!(got.status.code(), Some(code), "{arguments:?}");
        let stderr = text(&got.stderr);
        assert!(stderr.contains(message), "{arguments:?}: {stderr}");
    }
}

#[test]
fn span_sizes_are_bounded() {
    for size in ["1", "65535", "1073741825", "2GiB", "4MiBs", ""] {
        for command in [&["create", "oci:a"][..], &["ztoc", "build", "a", "-o", "b"]] {
            let errors = fail(&[command, &["--span-size", size]].concat(), 2);
            assert!(errors.contains("want "), "{size:?}: {errors}");
        }
    }
    let layer = vectors().join("layers/kinds.tar.gz");
    let layer = std::fs::read(layer).expect("the layer");
    for (one, other) in [
        ("65536", "64KiB"),
        ("4194304", "4MiB"),
        ("1073741824", "1 GiB"),
    ] {
        let built = [one, other].map(|size| {
            let got = soci_with(
                &["ztoc", "build", "-", "-o", "-", "--span-size", size],
                &layer,
            );
            assert!(got.status.success(), "{size}: {}", text(&got.stderr));
            got.stdout
        });
        assert_eq!(built[0], built[1], "{one} and {other}");
    }
}

#[test]
fn the_help_documents_exit_codes() {
    let help = succeed(&["--help"]);
    for code in [
        "0  success",
        "1  failure",
        "2  invalid command line",
        "3  nothing to index",
    ] {
        assert!(help.contains(code), "no {code:?} in {help}");
    }
}

#[test]
fn a_command_gives_up_in_time() {
    // Nobody listens there, and the program would try again for longer.
    let errors = fail(&["inspect", "127.0.0.1:1/a:b", "--timeout", "300ms"], 1);
    assert!(errors.contains("timed out after 300ms"), "{errors}");
    let errors = fail(&["inspect", "127.0.0.1:1/a:b", "--timeout", "soon"], 2);
    assert!(errors.contains("--timeout"), "{errors}");
}

#[test]
fn an_image_without_an_index_fails_to_verify() {
    let source = layout(&vectors().join("layouts/multi-oci"));
    let errors = fail(&["verify", &source], 1);
    assert!(errors.contains("no SOCI index"), "{errors}");
}
