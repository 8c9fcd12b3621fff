//! The class `Catalog` of `corom-search.wasm` (feature `search`). Requests and results are JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

use super::catalog_file::{CatalogFile, hex};
use crate::error::{Error, ErrorCode};
use crate::index::{self, Attribute, Check, Field, VectorSpace};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    items: usize,
    fields: &'a [Field],
    attributes: &'a [Attribute],
    vectors: Option<&'a VectorSpace>,
    /// Whether the vectors have arrived.
    has_vectors: bool,
    /// The hash of the last file: the one that the next delta continues.
    version: String,
}

/// See [`index::Catalog`].
#[wasm_bindgen]
pub struct Catalog(pub(super) index::Catalog);

#[wasm_bindgen]
impl Catalog {
    /// Opens a catalog file that has arrived as a whole. See [`index::Catalog::open`].
    pub fn open(file: CatalogFile) -> Result<Self, JsValue> {
        Ok(Self(index::Catalog::open(file.0.into_bytes()?, Check::Header)?))
    }

    /// Opens the part of a catalog file that keyword search needs.
    #[wasm_bindgen(js_name = openKeywords)]
    pub fn open_keywords(file: &CatalogFile) -> Result<Self, JsValue> {
        Ok(Self(index::Catalog::open(file.0.keyword_part()?, Check::Header)?))
    }

    /// Applies a delta, of which the file keeps the bytes. See [`index::Catalog::apply`].
    pub fn apply(&mut self, file: &CatalogFile) -> Result<(), JsValue> {
        Ok(self.0.apply(file.0.to_bytes()?, Check::Header)?)
    }

    /// Searches. See [`index::Catalog::search`].
    pub fn search(&self, request: &str, vector: Option<Vec<f32>>) -> Result<String, JsValue> {
        json(&self.0.search(&read(request)?, vector.as_deref())?)
    }

    /// Returns the items that are nearest to an item. See [`index::Catalog::similar`].
    pub fn similar(&self, id: &str, request: &str) -> Result<String, JsValue> {
        json(&self.0.similar(id, &read(request)?)?)
    }

    /// Returns an item, or `null`. See [`index::Catalog::item`].
    pub fn item(&self, id: &str) -> Result<String, JsValue> {
        json(&self.0.item(id)?)
    }

    /// Returns words and phrases of the catalog. See [`index::Catalog::suggest`].
    pub fn suggest(&self, prefix: &str, limit: usize) -> Result<String, JsValue> {
        json(&self.0.suggest(prefix, limit)?)
    }

    /// Returns what the catalog has: `{ items, fields, attributes, vectors, hasVectors, version }`.
    pub fn info(&self) -> Result<String, JsValue> {
        let schema = self.0.schema();
        json(&Info {
            items: self.0.len(),
            fields: &schema.fields,
            attributes: &schema.attributes,
            vectors: schema.vectors.as_ref(),
            has_vectors: self.0.has_vectors(),
            version: hex(&self.0.tip()),
        })
    }
}

pub(super) fn read<T: DeserializeOwned>(request: &str) -> Result<T, JsValue> {
    serde_json::from_str(request)
        .map_err(|error| Error::new(ErrorCode::InvalidArgument, format!("options: {error}")).into())
}

fn json(value: &impl Serialize) -> Result<String, JsValue> {
    serde_json::to_string(value).map_err(|error| {
        Error::with_source(ErrorCode::Internal, "a result cannot be converted to JSON", error).into()
    })
}
