//! The example provider under the real Terraform.

use std::os::unix::process::CommandExt as _;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tfplugin_sdk::testing::{Error, Process};

use crate::notes::{PATIENCE, signal};
use crate::workspace::{APPLY, DESTROY, PLAN, Workspace};

const NOTE: &str = r##"
    resource "notes_note" "a" {
      path   = "a.txt"
      text   = "# Title\ntext"
      labels = ["z", "a"]
      weight = 0.1
      extra  = { a = null, b = ["x", null, { c = 1.5 }] }
      timeouts {
        create = "1m"
      }
    }
    data "notes_note" "a" {
      path       = notes_note.a.id
      depends_on = [notes_note.a]
    }
    output "title" {
      value = provider::notes::title(data.notes_note.a.text)
    }
"##;

#[test]
fn create_update_replace_destroy() {
    let workspace = Workspace::new(NOTE);
    workspace.succeed(&["validate", "-no-color"]);
    let said = workspace.succeed(APPLY);
    assert!(said.contains("title = \"Title\""), "{said}");
    workspace.succeed(PLAN);

    workspace.write(&NOTE.replace("# Title", "# Other"));
    let said = workspace.succeed(APPLY);
    assert!(said.contains("0 added, 1 changed, 0 destroyed"), "{said}");
    workspace.succeed(PLAN);

    workspace.write(&NOTE.replace("a.txt", "b.txt"));
    let said = workspace.succeed(APPLY);
    assert!(said.contains("1 added, 0 changed, 1 destroyed"), "{said}");
    assert!(!workspace.path().join("a.txt").exists());
    workspace.succeed(PLAN);

    // Gone without Terraform: drift.
    std::fs::remove_file(workspace.path().join("b.txt")).expect("it was there");
    let (code, said) = workspace.run(PLAN);
    assert!(code == 2 && said.contains("1 to add"), "{said}");
    workspace.succeed(APPLY);

    workspace.succeed(DESTROY);
    assert!(!workspace.path().join("b.txt").exists());
}

#[test]
fn a_state_from_before_a_default_needs_no_change() {
    let workspace = Workspace::new(
        r#"
        resource "notes_note" "a" {
          path = "a.txt"
          text = "text"
        }
        "#,
    );
    workspace.succeed(APPLY);
    // Refreshing would find out the attribute by itself.
    let plan = [PLAN, &["-refresh=false"]].concat();
    for version in [1, 0] {
        workspace.edit_state(|instance| {
            instance["schema_version"] = version.into();
            let attributes = instance["attributes"].as_object_mut().expect("some");
            assert_eq!(attributes.remove("kind"), Some("plain".into()));
        });
        workspace.succeed(&plan);
        // Puts the attribute back.
        workspace.succeed(&["apply", "-refresh-only", "-auto-approve", "-no-color"]);
    }
    workspace.edit_state(|instance| instance["attributes"]["kind"] = serde_json::Value::Null);
    let (code, said) = workspace.run(&plan);
    assert_eq!(code, 2, "{said}");
    workspace.succeed(DESTROY);
}

#[test]
fn a_failed_update_keeps_the_state_and_new_private_data() {
    let resource = r#"
        resource "notes_note" "a" {
          path = "a.txt"
          text = "text"
        }
    "#;
    let workspace = Workspace::new(resource);
    workspace.succeed(APPLY);
    workspace.write(&resource.replace("\"text\"", "\"other\"\nfault = \"fail\""));
    workspace.fail(APPLY, &["Note not updated"]);
    workspace.edit_state(|instance| {
        assert_eq!(instance["attributes"]["text"], "text");
        assert_eq!(instance["private"], STANDARD.encode("unfinished"));
    });
    workspace.write(&resource.replace("\"text\"", "\"other\""));
    workspace.succeed(APPLY);
    workspace.edit_state(|instance| {
        assert_eq!(instance["attributes"]["text"], "other");
        assert!(instance["private"].is_null(), "{instance}");
    });
    workspace.succeed(DESTROY);
}

#[test]
fn import() {
    let workspace = Workspace::new(
        r#"
        resource "notes_note" "a" {
          path = "a.txt"
          text = "text"
        }
        "#,
    );
    std::fs::write(workspace.path().join("a.txt"), "text").expect("a note");
    workspace.succeed(&["import", "-no-color", "notes_note.a", "a.txt"]);
    workspace.succeed(PLAN);
    workspace.succeed(DESTROY);
}

#[test]
fn every_bad_value_is_named() {
    let workspace = Workspace::new(
        r#"
        resource "notes_note" "a" {
          path   = ""
          text   = "no heading"
          kind   = "markdown"
          labels = [""]
          timeouts {
            create = "soon"
          }
        }
        "#,
    );
    let want = [
        "path = \"\"",
        "Got 0 characters, want 1 to 200.",
        "text = \"no heading\"",
        "Heading missing",
        "labels = [\"\"]",
        "create = \"soon\"",
        "Invalid duration",
    ];
    workspace.fail(&["validate", "-no-color"], &want);
}

#[test]
fn a_read_only_attribute_and_a_null_are_named() {
    let workspace = Workspace::new(
        r#"
        resource "notes_note" "a" {
          path  = "a.txt"
          text  = null
          lines = 3
          id    = "a.txt"
        }
        "#,
    );
    let want = [
        "Read-only attribute",
        "lines = 3",
        "id = \"a.txt\"",
        "id is set by the provider. Remove it from the configuration.",
        "Missing required argument",
        "text = null",
        "text is required and cannot be null.",
    ];
    workspace.fail(&["validate", "-no-color"], &want);

    // Terraform knows the value of a variable only in a plan.
    workspace.write(
        r#"
        variable "unset" {
          default = null
        }
        resource "notes_note" "a" {
          path = "a.txt"
          text = var.unset
        }
        "#,
    );
    workspace.succeed(&["validate", "-no-color"]);
    workspace.fail(PLAN, &["Missing required argument", "text = var.unset"]);
}

#[test]
fn a_failed_create_is_tainted_and_created_again() {
    let faulty = r#"
        resource "notes_note" "a" {
          path  = "a.txt"
          text  = "text"
          fault = "FAULT"
        }
    "#;
    for (fault, want) in [
        ("fail", "Note not finished"),
        ("panic", "Bug in the provider"),
    ] {
        let workspace = Workspace::new(&faulty.replace("FAULT", fault));
        workspace.fail(APPLY, &[want]);
        let state = workspace.succeed(&["show", "-no-color"]);
        assert!(state.contains("(tainted)"), "{state}");
        workspace.write(&faulty.replace("fault = \"FAULT\"", ""));
        let said = workspace.succeed(APPLY);
        assert!(said.contains("1 added, 0 changed, 1 destroyed"), "{said}");
        workspace.succeed(PLAN);
        workspace.succeed(DESTROY);
    }
}

#[tokio::test]
async fn ctrl_c_loses_nothing() -> Result<(), Error> {
    let slow = r#"
        resource "notes_note" "a" {
          path  = "a.txt"
          text  = "text"
          fault = "wait"
          timeouts {
            create = "1h"
          }
        }
    "#;
    let workspace = Workspace::new(slow);
    let mut command = workspace.command(APPLY);
    // A group of its own, so that the signal reaches the provider too, as it
    // does from a terminal.
    command
        .env("TF_LOG_PROVIDER", "INFO")
        .stdin(Stdio::null())
        .process_group(0);
    let mut apply = Process::spawn(&mut command)?;
    apply.stderr.find("note written").await?;
    signal(&apply, "INT", true);
    let status = apply.exit(PATIENCE).await?;
    let said = apply.stderr.rest().await?.join("\n");
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("Apply again."), "{said}");
    assert!(!said.contains("Plugin did not respond"), "{said}");
    assert!(workspace.succeed(&["show", "-no-color"]).contains("a.txt"));

    workspace.write(&slow.replace("fault = \"wait\"", ""));
    workspace.succeed(APPLY);
    workspace.succeed(PLAN);
    workspace.succeed(DESTROY);
    Ok(())
}

#[tokio::test]
async fn a_provider_in_a_debugger() -> Result<(), Error> {
    let mut workspace = Workspace::new(NOTE);
    let debugged = crate::debug::start().await?;
    workspace.reattach = Some(debugged.reattach.clone());
    // Both take the provider that runs; the first must not end it.
    workspace.succeed(APPLY);
    workspace.succeed(PLAN);
    workspace.succeed(DESTROY);
    Ok(())
}
