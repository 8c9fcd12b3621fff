//! Checks the golden hashes of the kernels in a native build, which emulates the integer operations of relaxed SIMD.
//! `tests/js/kernels.test.mjs` checks the same hashes in WebAssembly, with and without relaxed SIMD.
#![allow(clippy::unwrap_used, reason = "a test stops there")]

use corom::encoder;
use corom::encoder::cpu::kernels::simd::InstructionSet;

#[path = "../benches/kernels/src/golden.rs"]
mod golden;

#[test]
fn kernels_give_the_golden_hashes_with_every_instruction_set() {
    for set in InstructionSet::available() {
        let run = |case: &golden::Case| format!("{} {}: {:#018x}", set.name(), case.name, (case.run)());
        let got: Vec<String> = set.with(|| golden::CASES.iter().map(run).collect());
        let expected: Vec<String> = golden::CASES
            .iter()
            .map(|case| format!("{} {}: {:#018x}", set.name(), case.name, case.hash))
            .collect();
        assert_eq!(got, expected);
    }
}
