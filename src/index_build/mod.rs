//! Builds catalogs: items to a file, changes to a delta, a catalog with deltas to a new file. It has the Unicode tables
//! that search does without.

mod build;
mod change;
mod characters;
mod fold;
mod input;
mod item;
mod keywords;
mod phrases;
mod readings;
mod texts;
mod vectors;

pub use build::{BuildOptions, CodesOption, build, build_to, compact};
pub use change::{Change, delta};
pub use input::{
    UnseenNames, describe, embedded_field, query_texts, read_row, read_schema, read_synonyms, record_of,
    use_model,
};
pub use item::Item;
pub use vectors::VectorSource;

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod filter_tests;
#[cfg(test)]
mod input_tests;
#[cfg(test)]
mod keyword_tests;
#[cfg(test)]
mod page_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod reference_tests;
#[cfg(test)]
mod search_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tier_tests;
