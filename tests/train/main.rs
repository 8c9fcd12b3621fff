//! `corom::train` and its commands: PyTorch's numbers, gradients, resuming, and a training from end to end.

#![cfg(feature = "train")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[cfg(feature = "cli")]
mod command;
mod data;
#[cfg(feature = "cli")]
mod distill;
mod gradients;
mod made_up;
mod parity;
#[cfg(feature = "cli")]
mod resume;
mod tiny;
