//! The class `Catalog` of `corom-search.wasm` (feature `search`). Requests and results are JSON.

use wasm_bindgen::prelude::*;

use super::catalog_file::CatalogFile;
use crate::error::{Error, ErrorCode};
use crate::index::{self, Check, Json, SearchRequest};

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

    /// Opens the part of a catalog file without its rows. They can be added when a search names them as `missingRows`.
    #[wasm_bindgen(js_name = openCodes)]
    pub fn open_codes(file: CatalogFile) -> Result<Self, JsValue> {
        Ok(Self(index::Catalog::open(file.0.into_code_part()?, Check::Header)?))
    }

    /// Appends the next bytes of the catalog's file. See [`index::Catalog::extend`].
    pub fn extend(&mut self, bytes: &[u8], verify: bool) -> Result<(), JsValue> {
        Ok(self.0.extend(bytes, verify)?)
    }

    /// Drops rows of earlier searches to make room for others. Returns the bytes of those that stay. See
    /// [`index::Catalog::make_room`].
    #[wasm_bindgen(js_name = makeRoom)]
    pub fn make_room(&mut self, bytes: f64) -> f64 {
        self.0.make_room(bytes as usize) as f64
    }

    /// Adds rows that a search named as `missingRows`: the bytes of the catalog's file from `offset` on. The next search
    /// scores these items in full. See [`index::Catalog::add_rows`].
    #[wasm_bindgen(js_name = addRows)]
    pub fn add_rows(&mut self, offset: f64, bytes: &[u8]) -> Result<(), JsValue> {
        // The cast of a float saturates.
        Ok(self.0.add_rows(offset as usize, bytes)?)
    }

    /// Applies a delta, of which the file keeps the bytes. See [`index::Catalog::apply`].
    pub fn apply(&mut self, file: &CatalogFile) -> Result<(), JsValue> {
        Ok(self.0.apply(file.0.to_bytes()?, Check::Header)?)
    }

    /// Searches. See [`index::Catalog::search`].
    pub fn search(&self, request: &str, vector: Option<Vec<f32>>) -> Result<String, JsValue> {
        Ok(self.0.search(&read(request)?, vector.as_deref())?.to_json().to_string())
    }

    /// Returns the items that are nearest to an item. See [`index::Catalog::similar`].
    pub fn similar(&self, id: &str, request: &str) -> Result<String, JsValue> {
        Ok(self.0.similar(id, &read(request)?)?.to_json().to_string())
    }

    /// Returns an item, or `null`. See [`index::Catalog::item`].
    pub fn item(&self, id: &str) -> Result<String, JsValue> {
        Ok(self.0.item(id)?.map_or(Json::Null, |hit| hit.to_json()).to_string())
    }

    /// Returns words and phrases of the catalog. See [`index::Catalog::suggest`].
    pub fn suggest(&self, prefix: &str, limit: usize) -> Result<String, JsValue> {
        let found = self.0.suggest(prefix, limit)?;
        Ok(Json::Array(found.iter().map(|suggestion| suggestion.to_json()).collect()).to_string())
    }

    /// Returns what the catalog has: `{ items, fields, attributes, vectors, hasVectors, hasRows, version }`.
    pub fn info(&self) -> String {
        self.0.info().to_string()
    }
}

/// Reads a request of JSON.
pub(super) fn read(request: &str) -> Result<SearchRequest, JsValue> {
    match Json::parse(request) {
        Ok(json) => Ok(SearchRequest::from_json(&json)?),
        Err(problem) => Err(Error::new(ErrorCode::InvalidArgument, format!("options: {problem}")).into()),
    }
}
