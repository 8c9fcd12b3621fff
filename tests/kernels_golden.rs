//! Checks the golden hashes of the kernels in a native build, which emulates the integer operations of relaxed SIMD.
//! `tests/js/kernels.test.mjs` checks the same hashes in WebAssembly, with and without relaxed SIMD, and
//! `scripts/arm.sh` on emulated Arm processors.
#![allow(clippy::unwrap_used, reason = "a test stops there")]

use corom::encoder;

#[path = "../benches/kernels/src/golden.rs"]
mod golden;
#[path = "../benches/kernels/src/golden_test.rs"]
mod golden_test;
