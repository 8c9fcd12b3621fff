//! `corom convert` and `corom inspect`, run as a user runs them, on every checkpoint fixture.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]
#![allow(unreachable_pub, reason = "the modules of one test")]

#[path = "../support/mod.rs"]
mod support;

mod accuracy;
mod bits;
mod command;
mod damaged;
mod fixtures;
mod int4;
mod large;
mod onnxruntime;
mod output;
mod random;
mod refused;
mod settings;
mod tokenizer;
mod tract;
