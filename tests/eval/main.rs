//! `corom::eval` and `corom eval`, compared with trec_eval, Multi-CPR's script and plain code.

#![cfg(feature = "cli")]

mod command;
mod golden;
mod hosts;
mod made_up;
mod rerank;
