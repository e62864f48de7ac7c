//! `--memory`: the program stays within it, whatever a layer is made of.

use tests::hostile::{Hostile, all};

const MIB: u64 = 1 << 20;
/// Memory of the program, and of every layer.
const FIXED: u64 = (64 + 8) * MIB;

fn check(hostile: &Hostile, memory: u64) {
    let most = (memory - FIXED) / hostile.weight;
    for (parts, fits) in [(most * 9 / 10, true), (most * 3 / 2, false)] {
        let built = hostile.build(env!("CARGO_BIN_EXE_soci"), parts, memory);
        let (cost, refused) = built.expect("the program runs");
        let name = hostile.name;
        println!("{name}, {parts} times: {} of {memory} bytes", cost.memory);
        assert_eq!(refused.is_none(), fits, "{name}, {parts}: {refused:?}");
        if let Some(refused) = refused {
            assert!(refused.contains("more memory than the limit"), "{refused}");
        }
        assert!(cost.memory <= memory, "{name}: {} bytes", cost.memory);
    }
}

#[test]
fn hostile_layers_with_128_mib() {
    for hostile in all() {
        check(&hostile, 128 * MIB);
    }
}

#[test]
fn hostile_layers_with_512_mib() {
    for hostile in all() {
        check(&hostile, 512 * MIB);
    }
}
