//! Doc comments open as a native engineer's do: with a verb for functions, with a noun for types.

use anyhow::Result;

use crate::{expect_only, tracked};

/// Openers that make a reader guess the subject.
const REFUSED: [&str; 16] = [
    "What", "Who", "Whose", "Whoever", "Nothing", "Nobody", "Of", "So", "Nor", "Not", "As",
    "Looks", "Longer", "Larger", "More", "Fewer",
];

/// Crates that have such comments today. The list may only get shorter.
const EXPECTED: [&str; 0] = [];

#[test]
fn doc_comments_open_with_a_verb_or_a_noun() -> Result<()> {
    let mut wrong = Vec::new();
    for (file, text) in tracked::sources()? {
        for (line, comment) in stilted(&text) {
            wrong.push(format!("{file}:{line}: {comment}"));
        }
    }
    expect_only(&wrong, &EXPECTED);
    Ok(())
}

/// The first lines of doc comments that open with a refused word, with their numbers.
fn stilted(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_comment = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let comment = line.strip_prefix("///").or(line.strip_prefix("//!"));
        if let (Some(comment), false) = (comment, in_comment) {
            let first = comment.trim_start().split(' ').next().unwrap_or_default();
            let word = first.trim_end_matches(|c: char| !c.is_alphanumeric());
            if REFUSED.contains(&word) {
                found.push((index + 1, comment.trim()));
            }
        }
        in_comment = comment.is_some();
    }
    found
}

#[test]
fn the_first_word_of_a_comment_counts() {
    let text = "\
        //! What it does.\n\
        \n\
        /// Returns\n\
        /// What fits.\n\
        fn a() {}\n    \
            /// Of two, the larger.\n    \
            #[inline]\n    \
            /// Nothing, mostly\n\
        // What is no doc comment.\n\
        /// Whatever is left.\n\
        let b = \"/// Who\";\n\
        /// So, then.\n";
    assert_eq!(
        stilted(text),
        [
            (1, "What it does."),
            (6, "Of two, the larger."),
            (8, "Nothing, mostly"),
            (12, "So, then."),
        ]
    );
}
