//! The class `Catalog` of `corom-search.wasm` (feature `search`). Requests and results are JSON.

use js_sys::Uint8Array;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

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
pub struct Catalog(index::Catalog);

#[wasm_bindgen]
impl Catalog {
    /// Opens a catalog file, or its first part without `verify`. See [`index::Catalog::open`].
    pub fn open(bytes: &Uint8Array, verify: bool) -> Result<Self, JsValue> {
        Ok(Self(index::Catalog::open(copied(bytes)?, check(verify))?))
    }

    /// Applies a delta. See [`index::Catalog::apply`].
    pub fn apply(&mut self, bytes: &Uint8Array, verify: bool) -> Result<(), JsValue> {
        Ok(self.0.apply(copied(bytes)?, check(verify))?)
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
            version: self.0.tip().iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }
}

fn check(verify: bool) -> Check {
    if verify { Check::Hashes } else { Check::Header }
}

/// Copies bytes into the memory of the instance. `OUT_OF_MEMORY` if there is too little.
fn copied(bytes: &Uint8Array) -> Result<Vec<u8>, JsValue> {
    let length = bytes.length() as usize;
    let mut copy = Vec::new();
    if copy.try_reserve_exact(length).is_err() {
        let message = format!("catalog: {length} bytes cannot be allocated");
        return Err(Error::new(ErrorCode::OutOfMemory, message).into());
    }
    copy.resize(length, 0);
    bytes.copy_to(&mut copy);
    Ok(copy)
}

fn read<T: DeserializeOwned>(request: &str) -> Result<T, JsValue> {
    serde_json::from_str(request)
        .map_err(|error| Error::new(ErrorCode::InvalidArgument, format!("options: {error}")).into())
}

fn json(value: &impl Serialize) -> Result<String, JsValue> {
    serde_json::to_string(value).map_err(|error| {
        Error::with_source(ErrorCode::Internal, "a result cannot be converted to JSON", error).into()
    })
}
