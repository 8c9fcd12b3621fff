//! Builds catalogs: items to a file, changes to a delta, a catalog with deltas to a new file. It has the Unicode tables
//! that search does without.

mod build;
mod change;
mod characters;
mod fold;
mod input;
mod item;
mod item_reader;
mod keywords;
mod model_texts;
mod phrases;
mod readings;
mod texts;
mod vectors;

pub use build::{BuildOptions, CodesOption, build, build_to, compact, first_build};
pub use change::{Change, delta};
pub use input::{describe, read_request, read_row, read_schema, read_synonyms, record_of};
pub use item::Item;
pub use item_reader::ItemReader;
pub use model_texts::{ItemText, check_field, query_texts, use_model, use_text};
pub use vectors::VectorSource;

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod filter_tests;
#[cfg(test)]
mod folding_tests;
#[cfg(test)]
mod input_tests;
#[cfg(test)]
mod keyword_tests;
#[cfg(test)]
mod names_tests;
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
