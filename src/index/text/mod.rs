//! Text to terms. The same code makes the terms of a catalog's texts and of a query.

pub(crate) mod class;
pub(crate) mod clauses;
pub(crate) mod folded;
pub(crate) mod terms;
pub(crate) mod words;
