//! Tests `corom convert` and `corom inspect` as a user runs them, on every checkpoint fixture, and the
//! library's `corom::convert` in memory.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]
#![allow(unreachable_pub, reason = "the modules of one test")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../encoder_support/generated.rs"]
mod generated;

mod bits;
mod command;
mod damaged;
mod exports;
mod fixtures;
mod hosts;
mod int4;
mod large;
mod library;
mod lineage;
mod output;
mod random;
mod rejected;
mod reranker;
mod reranker_rejected;
mod second_opinion;
mod self_test;
mod sentence;
mod settings;
mod shard_size;
mod tokenizer;
mod tract;
mod verify;
mod vocabulary;
