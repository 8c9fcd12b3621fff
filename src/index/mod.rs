//! Search over a catalog: keywords, vectors, filters, facets. It knows no encoder and needs no Unicode tables, so its
//! WebAssembly is small. docs/catalog-format.md specifies the file.
//!
//! | module | |
//! |---|---|
//! | `catalog`, `segment`, `arrival`, `changes`, `format` | the files and the items in them |
//! | `text`, `characters`, `readings`, `synonyms` | texts and queries to terms |
//! | `dictionary`, `postings`, `bm25`, `keyword` | keyword search |
//! | `vectors`, `kernels`, `semantic`, `model_id` | semantic search |
//! | `columns`, `filter`, `facets` | attributes |
//! | `analysis` | clusters and pictures of vectors |
//! | `json`, `json_fields`, `number`, `order` | JSON and sorting in few bytes of WebAssembly |
//! | `search`, `fusion`, `ranking`, `diversify`, `highlight`, `suggest` | from the request to the hits |

mod analysis;
mod arrival;
mod attribute_value;
mod bits;
mod bm25;
mod catalog;
mod changes;
mod characters;
mod columns;
mod dictionary;
mod diversify;
mod embedded_text;
mod estimates;
mod facets;
mod filter;
mod folding;
mod format;
mod fusion;
mod highlight;
mod ids;
mod json;
mod json_fields;
mod kernels;
mod keyword;
mod model_id;
mod number;
mod order;
mod postings;
mod random;
mod ranking;
mod readings;
mod request;
mod result;
mod schema;
mod search;
mod segment;
mod semantic;
#[cfg(any(feature = "index", not(target_arch = "wasm32")))]
mod serde_support;
mod single_rows;
mod suggest;
mod synonyms;
mod text;
mod texts;
mod top_k;
mod values;
mod vectors;

pub use analysis::{
    CatalogVectors, ClusterOptions, Clusters, Projection, VectorList, VectorSource, cluster, project2d,
};
pub use arrival::{file_hash, layout};
pub use attribute_value::AttributeValue;
pub use catalog::{Catalog, Check};
pub use embedded_text::EmbeddedText;
pub use format::receiver::{FilePart, FileReceiver};
pub use json::Json;
pub use model_id::ModelId;
pub use request::{Boost, FacetRequest, Fusion, Matching, Mode, SearchRequest, SortKey};
pub use result::{
    ClauseExplanation, Explanation, Facet, FacetCount, Hit, LegScores, ScorePart, SearchResult,
};
pub use schema::{
    Attribute, AttributeKind, Field, MAX_DIMENSION, MAX_ITEMS, RowKind, Schema, SpaceMetric, VectorSpace,
};
pub use suggest::Suggestion;

/// Parts of text analysis that the builder shares with search.
#[cfg(feature = "index")]
pub(crate) mod fold {
    pub(crate) use super::text::class::{CharClass, is_ignored};
    pub(crate) use super::text::folded::{Fold, Folded, RunKind};
    pub(crate) use super::text::terms::index_terms;
    pub(crate) use super::text::words::is_joiner;
}

/// Random numbers for the builder's tests.
#[cfg(all(test, feature = "index"))]
pub(crate) use random::Random;

/// Parts of the file that the builder shares with search.
#[cfg(feature = "index")]
pub(crate) mod sections {
    pub(crate) use super::attribute_value::{FIRST_INEXACT, inexact_text};
    pub(crate) use super::bits::Bits;
    pub(crate) use super::changes::{read_patches, write_removals};
    pub(crate) use super::characters::CharacterTable;
    pub(crate) use super::columns::Column;
    pub(crate) use super::dictionary::DictionaryWriter;
    pub(crate) use super::format::bytes::ByteWriter;
    pub(crate) use super::format::container::{FileKind, SectionKind};
    pub(crate) use super::format::file_writer::{LastSection, write_file};
    pub(crate) use super::format::small_delta;
    pub(crate) use super::ids::Ids;
    pub(crate) use super::kernels::nibble_sums::BLOCK_ITEMS as CODE_BLOCK_ITEMS;
    pub(crate) use super::postings::{MAX_FIELDS, PostingsWriter};
    pub(crate) use super::readings::Readings;
    pub(crate) use super::synonyms::Synonyms;
    pub(crate) use super::texts::{BLOCK_ITEMS, MAX_DICTIONARY_BYTES};
    pub(crate) use super::vectors::codes::{Codes, CodesWriter};
    pub(crate) use super::vectors::dot::dot;
    pub(crate) use super::vectors::query::{CodeQuery, VectorQuery, checked};
    pub(crate) use super::vectors::rotation::Rotation;
    pub(crate) use super::vectors::rows::{Row, Rows, row_bytes, row_hash, write_row};
}
