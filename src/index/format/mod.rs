//! The catalog file: see docs/catalog-format.md.

pub(crate) mod bytes;
pub(crate) mod container;
#[cfg(any(feature = "index", test))]
pub(crate) mod file_writer;
mod parts;
pub(crate) mod receiver;
pub(crate) mod small_delta;
#[cfg(test)]
mod small_delta_tests;
