//! Doc comments open as a native engineer's do: with a verb for functions, with a noun for types.

use anyhow::Result;

use crate::tracked;

/// Openers that make a reader guess the subject.
const REFUSED: [&str; 15] = [
    "What", "Who", "Whose", "Whoever", "Nothing", "Nobody", "Of", "So", "Nor", "Not", "As",
    "Longer", "Larger", "More", "Fewer",
];

#[test]
fn doc_comments_open_with_a_verb_or_a_noun() -> Result<()> {
    let mut wrong = Vec::new();
    for (file, text) in tracked::sources()? {
        for (line, comment) in stilted(&text) {
            wrong.push(format!("{file}:{line}: {comment}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
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
    // Not a comment itself: the marks are put in later.
    let text = "
        @! What it does.

        @/ Returns
        @/ What fits.
        fn a() {}
            @/ Of two, the larger.
            #[inline]
            @/ Nothing, mostly
        @ What is no doc comment.
        @/ Whatever is left.
        let b = \"@/ Who\";
        @/ So, then.
    ";
    let text = text.replace('@', "//");
    assert_eq!(
        stilted(&text),
        [
            (2, "What it does."),
            (7, "Of two, the larger."),
            (9, "Nothing, mostly"),
            (13, "So, then."),
        ]
    );
}
