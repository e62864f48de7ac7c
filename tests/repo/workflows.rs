//! Actions of GitHub workflows are named by commit: a tag may be moved by whoever owns it.

use anyhow::Result;

use crate::tracked;

#[test]
fn every_action_is_pinned_to_a_commit() -> Result<()> {
    let mut actions = 0;
    let mut wrong = Vec::new();
    for file in tracked::files()? {
        let is_workflow =
            file.starts_with(".github/workflows/") || file == "examples/ci/github.yml";
        if !is_workflow {
            continue;
        }
        let text = tracked::text(&file)?;
        let uses = text.lines().filter_map(|line| line.split_once("uses: "));
        for (_, action) in uses {
            actions += 1;
            if !is_pinned(action) {
                wrong.push(format!("{file}: {action}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(actions > 3, "{actions} actions only: are they found?");
    Ok(())
}

/// Whether an action is given as `OWNER/NAME@COMMIT # vVERSION`.
fn is_pinned(action: &str) -> bool {
    let Some((_, rest)) = action.split_once('@') else {
        return false;
    };
    let Some((commit, version)) = rest.split_once(" # v") else {
        return false;
    };
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    commit.len() == 40
        && commit.chars().all(is_hex)
        && version.starts_with(|c: char| c.is_ascii_digit())
}

#[test]
fn a_tag_is_no_commit() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    assert!(is_pinned(&format!("actions/checkout@{commit} # v4.2.2")));
    for wrong in [
        "actions/checkout@v4",
        "actions/checkout@v4 # v4.2.2",
        "./local",
    ] {
        assert!(!is_pinned(wrong), "{wrong}");
    }
    assert!(!is_pinned(&format!("actions/checkout@{commit}")));
}
