//! The class `CatalogBuilder` of `corom-index.wasm` (feature `index`): builds and changes catalogs for `npx corom index`.

use serde_json::{Map, Value};
use wasm_bindgen::prelude::*;

use super::catalog::{Catalog, read};
use crate::error::{Error, ErrorCode};
use crate::index::{self, RowKind, Schema, SearchRequest, SpaceMetric, VectorSpace};
use crate::index_build::{self, BuildOptions, Change, CodesOption, Item, UnseenNames};

fn codes_option(codes: &str) -> CodesOption {
    match codes {
        "yes" => CodesOption::Yes,
        "no" => CodesOption::No,
        _ => CodesOption::Auto,
    }
}

/// Items for a new catalog, or to be added to one.
#[wasm_bindgen]
pub struct CatalogBuilder {
    schema: Schema,
    stored: Vec<String>,
    items: Vec<Item>,
    queries: Vec<Vec<f32>>,
    unseen: UnseenNames,
}

#[wasm_bindgen]
impl CatalogBuilder {
    /// Begins a catalog with a schema file, JSON.
    #[wasm_bindgen(constructor)]
    pub fn new(schema: &str) -> Result<Self, JsValue> {
        let (schema, stored) = index_build::read_schema(json(schema)?)?;
        let unseen = UnseenNames::new(&schema, &stored);
        Ok(Self { schema, stored, items: Vec::new(), queries: Vec::new(), unseen })
    }

    /// Begins the items that are added to a catalog. `stored` has the names of what is stored with an item.
    #[wasm_bindgen(js_name = forCatalog)]
    pub fn for_catalog(catalog: &Catalog, stored: Vec<String>) -> Self {
        let schema = catalog.0.schema().clone();
        Self { schema, stored, items: Vec::new(), queries: Vec::new(), unseen: UnseenNames::default() }
    }

    /// Returns the names of what is stored with an item.
    pub fn stored(&self) -> Vec<String> {
        self.stored.clone()
    }

    /// Returns the number of items.
    pub fn items(&self) -> usize {
        self.items.len()
    }

    /// Returns true if the items of this catalog have vectors.
    #[wasm_bindgen(js_name = hasVectors)]
    pub fn has_vectors(&self) -> bool {
        self.schema.vectors.is_some()
    }

    /// Appends an item: a JSON record, or the cells of a table by name. See [`index_build::read_row`].
    pub fn add(&mut self, row: &str, is_table: bool) -> Result<(), JsValue> {
        let row: Map<String, Value> = json(row)?;
        self.unseen.see(&row);
        self.items.push(index_build::read_row(row, is_table, &self.schema, &self.stored)?);
        Ok(())
    }

    /// Returns a warning if no row of a new catalog has a name of the schema. See [`UnseenNames`].
    #[wasm_bindgen(js_name = unseenNames)]
    pub fn unseen_names(&self) -> Option<String> {
        self.unseen.warning()
    }

    /// Takes the vectors of a model into the schema. See [`index_build::use_model`].
    #[wasm_bindgen(js_name = useModel)]
    pub fn use_model(
        &mut self,
        dimension: usize,
        metric: &str,
        lineage: Option<String>,
    ) -> Result<bool, JsValue> {
        if let Some(item) = self.items.iter().find(|item| item.vector.is_some()) {
            return Err(invalid(format!("item {:?} has an embedding; leave out --model", item.id)));
        }
        let metric = match metric {
            "dot" => SpaceMetric::Dot,
            "cosine" => SpaceMetric::Cosine,
            "l2" => SpaceMetric::L2,
            other => {
                let expected = "catalogs are searched by dot, cosine or l2";
                return Err(invalid(format!("--model: its metric is {other}; {expected}")));
            }
        };
        let model = VectorSpace { dimension, metric, lineage, rows: RowKind::Int8, oversampling: 0 };
        Ok(index_build::use_model(&mut self.schema, model)?)
    }

    /// Returns the texts of a field, one per item: those that are embedded.
    pub fn texts(&self, field: Option<String>) -> Result<Vec<String>, JsValue> {
        let field = index_build::embedded_field(&self.schema, field.as_deref())?;
        Ok(self.items.iter().map(|item| item.texts[field].clone()).collect())
    }

    /// Sets the vectors of the items from `first` on, `[items, dimension]`.
    #[wasm_bindgen(js_name = setVectors)]
    pub fn set_vectors(&mut self, first: usize, vectors: &[f32]) {
        let dimension = self.schema.vectors.as_ref().map_or(1, |space| space.dimension);
        for (item, vector) in self.items.iter_mut().skip(first).zip(vectors.chunks_exact(dimension)) {
            item.vector = Some(vector.to_vec());
        }
    }

    /// Returns the id of the first item without a vector.
    #[wasm_bindgen(js_name = withoutVector)]
    pub fn without_vector(&self) -> Option<String> {
        self.items.iter().find(|item| item.vector.is_none()).map(|item| item.id.clone())
    }

    /// Returns pieces of the items' texts that stand for queries, if codes are written. See [`index_build::query_texts`].
    #[wasm_bindgen(js_name = queryTexts)]
    pub fn query_texts(&self, field: Option<String>, codes: &str) -> Result<Vec<String>, JsValue> {
        let field = index_build::embedded_field(&self.schema, field.as_deref())?;
        let is_wanted = codes_option(codes).applies_to(self.items.len());
        Ok(if is_wanted { index_build::query_texts(&self.items, field) } else { Vec::new() })
    }

    /// Sets the vectors of texts of `queryTexts`, `[texts, dimension]`.
    #[wasm_bindgen(js_name = setQueries)]
    pub fn set_queries(&mut self, vectors: &[f32]) {
        let dimension = self.schema.vectors.as_ref().map_or(1, |space| space.dimension);
        self.queries = vectors.chunks_exact(dimension).map(<[f32]>::to_vec).collect();
    }

    /// Builds a catalog file. `synonyms` is the text of a file of synonyms, `codes` is `auto`, `yes` or `no`, and `vectors` is
    /// `int8`, `int4` or `1bit`.
    pub fn build(&mut self, synonyms: &str, codes: &str, vectors: &str) -> Result<Vec<u8>, JsValue> {
        if let Some(space) = &mut self.schema.vectors {
            space.rows = match vectors {
                "int4" => RowKind::Int4,
                "1bit" => RowKind::None,
                _ => RowKind::Int8,
            };
        }
        let synonyms = index_build::read_synonyms(synonyms);
        let queries = std::mem::take(&mut self.queries);
        let options = BuildOptions { synonyms, codes: codes_option(codes), queries };
        Ok(index_build::build(&self.schema, &self.items, &options)?)
    }

    /// Writes a delta that adds the items to a catalog.
    pub fn delta(&mut self, catalog: &Catalog) -> Result<Vec<u8>, JsValue> {
        let items = std::mem::take(&mut self.items);
        Ok(index_build::delta(&catalog.0, &Change { items, ..Change::default() })?)
    }
}

/// Writes a delta with patches, JSON. Returns no bytes if they change nothing.
#[wasm_bindgen(js_name = patchesOf)]
pub fn patches_of(catalog: &Catalog, patches: &str) -> Result<Vec<u8>, JsValue> {
    let Value::Object(patches) = json(patches)? else { return Err(invalid("expected an object of ids")) };
    Ok(index_build::delta(&catalog.0, &Change { patches, ..Change::default() })?)
}

/// Writes a delta that removes items.
#[wasm_bindgen(js_name = removalsOf)]
pub fn removals_of(catalog: &Catalog, ids: Vec<String>) -> Result<Vec<u8>, JsValue> {
    let removals = ids.into_iter().collect();
    Ok(index_build::delta(&catalog.0, &Change { removals, ..Change::default() })?)
}

/// Merges a catalog and its deltas into one file.
#[wasm_bindgen]
pub fn compact(catalog: &Catalog) -> Result<Vec<u8>, JsValue> {
    Ok(index_build::compact(&catalog.0)?)
}

/// Returns the hash that identifies a file in hex.
#[wasm_bindgen(js_name = fileHash)]
pub fn file_hash(file: &[u8]) -> Result<String, JsValue> {
    Ok(super::catalog_file::hex(&index::file_hash(file)?))
}

/// Returns lines that describe a catalog. See [`index_build::describe`].
#[wasm_bindgen]
pub fn describe(catalog: &Catalog) -> String {
    index_build::describe(&catalog.0)
}

/// Returns the result of a search as indented JSON. `request` is JSON.
#[wasm_bindgen(js_name = searchText)]
pub fn search_text(
    catalog: &Catalog,
    query: &str,
    request: &str,
    vector: Option<Vec<f32>>,
) -> Result<String, JsValue> {
    let request = SearchRequest { query: query.to_owned(), ..read(request)? };
    let result = catalog.0.search(&request, vector.as_deref())?;
    Ok(serde_json::to_string_pretty(&result).unwrap_or_default())
}

/// Returns the ids of the items.
#[wasm_bindgen(js_name = idsOf)]
pub fn ids_of(catalog: &Catalog) -> Result<Vec<String>, JsValue> {
    Ok(catalog.0.ids()?.into_iter().map(str::to_owned).collect())
}

/// Returns an item as a JSON record, without its vector; `undefined` if there is none.
#[wasm_bindgen(js_name = recordOf)]
pub fn record_of(catalog: &Catalog, id: &str) -> Result<Option<String>, JsValue> {
    Ok(catalog.0.item(id)?.map(|item| index_build::record_of(item).to_string()))
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, JsValue> {
    serde_json::from_str(text).map_err(|error| invalid(error.to_string()))
}

fn invalid(message: impl Into<String>) -> JsValue {
    Error::new(ErrorCode::InvalidArgument, message).into()
}
