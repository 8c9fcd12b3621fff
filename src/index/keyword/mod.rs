//! Keyword search: a query's clauses, the items that match them, and their BM25 scores.

pub(crate) mod chain;
pub(crate) mod clause;
pub(crate) mod expand;
pub(crate) mod leg;
pub(crate) mod links;
pub(crate) mod one_edit;
pub(crate) mod source;
