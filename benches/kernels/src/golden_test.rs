//! Checks the golden hashes of the kernels in a native build, with every instruction set of the machine.

use super::encoder::cpu::kernels::simd::InstructionSet;
use super::golden;

/// A variable with the names of the sets that the machine must have. See `scripts/arm.sh`.
const SETS_VARIABLE: &str = "COROM_INSTRUCTION_SETS";

#[test]
fn the_expected_instruction_sets_are_found() {
    let found: Vec<_> = InstructionSet::available().map(InstructionSet::name).collect();
    let expected = std::env::var(SETS_VARIABLE).unwrap_or_else(|_| found.join(" "));
    assert_eq!(found.join(" "), expected);
}

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
