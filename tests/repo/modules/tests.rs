use super::circles::circles;
use super::source::load;

/// The circles of a crate whose files are given, without `src/` and `.rs`; `lib` is the root.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let read = |path: &str| {
        let name = path.strip_prefix("src/")?.strip_suffix(".rs")?;
        let file = files.iter().find(|(its, _)| *its == name);
        file.map(|(_, text)| (*text).to_owned())
    };
    circles(&load("src/lib.rs", &read).unwrap())
}

#[track_caller]
fn expect_circle(files: &[(&str, &str)], wanted: &[&str]) {
    let found = found(files);
    assert_eq!(found.len(), 1, "{found:#?}");
    for part in wanted {
        assert!(found[0].contains(part), "no {part:?} in {found:#?}");
    }
}

#[track_caller]
fn expect_none(files: &[(&str, &str)]) {
    assert_eq!(found(files), Vec::<String>::new());
}

const TWO: (&str, &str) = ("lib", "mod a; mod b;");

#[test]
fn neighbours_that_need_each_other() {
    expect_circle(
        &[
            TWO,
            ("a", "use crate::b::B; pub struct A(B);"),
            ("b", "pub struct B; fn f() -> super::a::A { todo!() }"),
        ],
        &[
            "src/lib.rs: ",
            "a -> b (a uses crate::b::B)",
            "b -> a (b uses super::a::A)",
        ],
    );
    expect_none(&[
        TWO,
        ("a", "use crate::b::B; pub struct A(B);"),
        ("b", "pub struct B;"),
    ]);
}

#[test]
fn three_in_a_ring() {
    expect_circle(
        &[
            ("lib", "mod a; mod b; mod c;"),
            ("a", "use crate::b::f; fn g() { f() }"),
            ("b", "use crate::c; pub fn f() { c::h() }"),
            ("c", "pub fn h() { crate::a::g() }"),
        ],
        &["a -> b", "b -> c (b uses c::h)", "c -> a"],
    );
}

#[test]
fn neighbours_whose_descendants_need_each_other() {
    expect_circle(
        &[
            TWO,
            ("a", "mod build; mod read;"),
            ("a/build", "use crate::b::B;"),
            ("a/read", "pub struct R;"),
            ("b", "use crate::a::read::R; pub struct B(R);"),
        ],
        &["a -> b (a::build uses crate::b::B)", "b -> a"],
    );
}

#[test]
fn a_parent_that_uses_its_child_and_defines_what_the_child_needs() {
    let child = ("a/part", "use super::A; pub fn of(a: &A) {}");
    let parent = "mod part; pub struct A; fn f(a: &A) { part::of(a) }";
    let root = ("lib", "mod a;");
    expect_circle(
        &[root, ("a", parent), child],
        &[
            "src/a.rs: ",
            "(itself) -> part (a uses part::of)",
            "part -> (itself)",
        ],
    );
    // A child may build on its parent, and a parent on its child, as long as not both do.
    expect_none(&[root, ("a", "mod part; pub struct A;"), child]);
    expect_none(&[
        root,
        ("a", "mod part; pub struct A; fn f() { part::of() }"),
        ("a/part", "pub fn of() {}"),
    ]);
}

#[test]
fn reexports_are_followed_and_are_no_use() {
    expect_none(&[
        ("lib", "mod a; mod b; pub use a::A; pub use b::*;"),
        ("a", "use crate::B; pub struct A(B);"),
        ("b", "pub struct B;"),
    ]);
    expect_circle(
        &[
            ("lib", "mod a; mod b; pub use a::A; pub use b::*;"),
            ("a", "use crate::B; pub struct A(B);"),
            ("b", "use crate::A; pub struct B(A);"),
        ],
        &["a -> b", "b -> a (b uses crate::A)"],
    );
    // Code that needs what it re-exports uses it.
    expect_circle(
        &[
            (
                "lib",
                "mod a; pub use a::A; pub struct C; fn f() -> A { todo!() }",
            ),
            ("a", "use crate::C; pub struct A(C);"),
        ],
        &["(itself) -> a (the root uses A)", "a -> (itself)"],
    );
}

#[test]
fn paths_in_macros_and_inside_functions_count() {
    expect_circle(
        &[
            TWO,
            ("a", "pub fn f() { println!(\"{}\", crate::b::g()) }"),
            ("b", "pub fn g() { use crate::a::f; f() }"),
        ],
        &["a -> b (a uses crate::b::g)", "b -> a"],
    );
}

#[test]
fn inline_modules_are_modules() {
    expect_circle(
        &[(
            "lib",
            "mod a { pub struct A(super::b::B); } mod b { pub struct B(Box<super::a::A>); }",
        )],
        &["a -> b", "b -> a"],
    );
}

#[test]
fn what_only_tests_compile_does_not_count() {
    expect_none(&[
        TWO,
        ("a", "use crate::b::B; pub struct A(B);"),
        (
            "b",
            "pub struct B; #[cfg(test)] mod tests; #[cfg(test)] use crate::a::A;\n\
             impl B { #[cfg(test)] fn of(_: crate::a::A) {} } #[test] fn t() { crate::a::A; }",
        ),
    ]);
}

#[test]
fn other_crates_do_not_count() {
    expect_none(&[
        TWO,
        (
            "a",
            "use anyhow::anyhow; pub fn f() { anyhow!(\"b::g\"); b::g() }",
        ),
        ("b", "use crate::a::f; pub fn g() { ::a::f() }"),
    ]);
}
