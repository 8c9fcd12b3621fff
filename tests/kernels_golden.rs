//! The kernels' golden hashes on this machine. `benches/kernels/bench.mjs --golden` checks them in wasm.

use corom::encoder;

#[path = "../benches/kernels/src/golden.rs"]
mod golden;

#[test]
fn the_same_bits_as_everywhere() {
    let got: Vec<String> =
        golden::CASES.iter().map(|case| format!("{}: {:#018x}", case.name, (case.run)())).collect();
    let expected: Vec<String> =
        golden::CASES.iter().map(|case| format!("{}: {:#018x}", case.name, case.hash)).collect();
    assert_eq!(got, expected);
}
