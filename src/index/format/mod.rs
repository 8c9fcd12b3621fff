//! The catalog file: see docs/catalog-format.md.

pub(crate) mod bytes;
pub(crate) mod container;
pub(crate) mod receiver;
