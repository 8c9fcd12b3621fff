//! The class `CatalogBuilder` of `corom-index.wasm` (feature `index`): builds and changes catalogs for `npx corom index`.

use wasm_bindgen::prelude::*;

use super::catalog::Catalog;
use crate::error::{Error, ErrorCode};
use crate::index::{self, ModelId, RowKind, Schema, SpaceMetric, VectorSpace};
use crate::index_build::{self, BuildOptions, Change, CodesOption, Item, ItemReader};

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
    reader: ItemReader,
    items: Vec<Item>,
    queries: Vec<Vec<f32>>,
    /// The field that is embedded.
    field: usize,
    /// A warning about the texts of the catalog's vectors.
    text_warning: Option<String>,
    /// The options of the catalog, if these are its first items.
    first: Option<BuildOptions>,
}

#[wasm_bindgen]
impl CatalogBuilder {
    /// Begins a catalog with a schema file, JSON. `has_model` is true if a model embeds the items, `text` names the field.
    #[wasm_bindgen(constructor)]
    pub fn new(schema: &str, has_model: bool, text: Option<String>) -> Result<Self, JsValue> {
        let (schema, stored) = index_build::read_schema(json(schema)?)?;
        index_build::check_field(&schema, text.as_deref())?;
        Ok(Self::of(schema, stored, has_model))
    }

    /// Begins the items that are added to a catalog. `stored` has the names of what is stored with an item.
    #[wasm_bindgen(js_name = forCatalog)]
    pub fn for_catalog(catalog: &Catalog, stored: Vec<String>, has_model: bool) -> Result<Self, JsValue> {
        let schema = Schema { items: catalog.0.len() as u32, ..catalog.0.schema().clone() };
        let first = index_build::first_build(&catalog.0)?;
        Ok(Self { first, ..Self::of(schema, stored, has_model) })
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

    /// Appends an item at a place, such as `line 7`: a JSON record, or the cells of a table by name. See
    /// [`ItemReader::read`].
    pub fn add(&mut self, row: &str, is_table: bool, place: &str) -> Result<(), JsValue> {
        self.items.push(self.reader.read(json(row)?, is_table, place)?);
        Ok(())
    }

    /// Returns a warning about names of the schema without values. See [`ItemReader::warning`].
    pub fn warning(&self) -> Option<String> {
        self.reader.warning()
    }

    /// Takes the vectors of a model into the schema. See [`index_build::use_model`].
    #[wasm_bindgen(js_name = useModel)]
    pub fn use_model(
        &mut self,
        dimension: usize,
        metric: &str,
        lineage: Option<String>,
        distilled_from: Option<String>,
    ) -> Result<bool, JsValue> {
        let metric = match metric {
            "dot" => SpaceMetric::Dot,
            "cosine" => SpaceMetric::Cosine,
            "l2" => SpaceMetric::L2,
            other => {
                let expected = "catalogs are searched by dot, cosine or l2";
                return Err(invalid(format!("--model: its metric is {other}; {expected}")));
            }
        };
        let model =
            VectorSpace { dimension, metric, lineage, text: None, rows: RowKind::Int8, oversampling: 0 };
        Ok(index_build::use_model(&mut self.schema, model, distilled_from.as_deref())?)
    }

    /// Compares a model that embeds queries with the vectors of the catalog. See [`VectorSpace::check_query_model`].
    #[wasm_bindgen(js_name = checkQueryModel)]
    pub fn check_query_model(
        &self,
        dimension: usize,
        lineage: Option<String>,
        distilled_from: Option<String>,
    ) -> Result<bool, JsValue> {
        let Some(space) = &self.schema.vectors else {
            return Err(invalid("--model: the catalog has no vectors; build it with --model"));
        };
        let (lineage, distilled_from) = (lineage.as_deref(), distilled_from.as_deref());
        Ok(space.check_query_model(&ModelId { dimension, lineage, distilled_from })?)
    }

    /// Takes the text that is embedded into the schema, and returns its prompt. `prompt` is the user's choice, `own` the
    /// model's prompt for documents. See [`index_build::use_text`].
    #[wasm_bindgen(js_name = useText)]
    pub fn use_text(
        &mut self,
        field: Option<String>,
        prompt: Option<String>,
        own: &str,
    ) -> Result<String, JsValue> {
        let text = index_build::use_text(&mut self.schema, field.as_deref(), prompt.as_deref(), own)?;
        (self.field, self.text_warning) = (text.field, text.warning);
        Ok(text.prompt)
    }

    /// Returns the warning of `useText`. See [`index_build::ItemText::warning`].
    #[wasm_bindgen(js_name = textWarning)]
    pub fn text_warning(&self) -> Option<String> {
        self.text_warning.clone()
    }

    /// Returns the texts that are embedded, one per item.
    pub fn texts(&self) -> Vec<String> {
        self.items.iter().map(|item| item.texts[self.field].clone()).collect()
    }

    /// Sets the vectors of the items from `first` on, `[items, dimension]`.
    #[wasm_bindgen(js_name = setVectors)]
    pub fn set_vectors(&mut self, first: usize, vectors: &[f32]) {
        let dimension = self.schema.vectors.as_ref().map_or(1, |space| space.dimension);
        for (item, vector) in self.items.iter_mut().skip(first).zip(vectors.chunks_exact(dimension)) {
            item.vector = Some(vector.to_vec());
        }
    }

    /// Returns pieces of the items' texts that stand for queries, if codes are written. `codes` is that of `build`, or absent
    /// for items that are added. See [`index_build::query_texts`].
    #[wasm_bindgen(js_name = queryTexts)]
    pub fn query_texts(&self, codes: Option<String>) -> Vec<String> {
        let codes = match (codes, &self.first) {
            (Some(codes), _) => codes_option(&codes),
            (None, first) => first.as_ref().map_or(CodesOption::No, |options| options.codes),
        };
        let is_wanted = codes.applies_to(self.items.len());
        if is_wanted { index_build::query_texts(&self.items, self.field) } else { Vec::new() }
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
        let synonyms = index_build::read_synonyms(synonyms)?;
        let queries = std::mem::take(&mut self.queries);
        let options = BuildOptions { synonyms, codes: codes_option(codes), queries };
        Ok(index_build::build(&self.schema, &self.items, &options)?)
    }

    /// Builds a catalog that has no items again with these as its first ones; `undefined` if it has items, or there are none.
    /// See [`index_build::first_build`].
    #[wasm_bindgen(js_name = firstBuild)]
    pub fn first_build(&mut self) -> Result<Option<Vec<u8>>, JsValue> {
        let queries = std::mem::take(&mut self.queries);
        let Some(first) = self.first.take().filter(|_| !self.items.is_empty()) else { return Ok(None) };
        Ok(Some(index_build::build(&self.schema, &self.items, &BuildOptions { queries, ..first })?))
    }

    /// Writes a delta that adds the items to a catalog.
    pub fn delta(&mut self, catalog: &Catalog) -> Result<Vec<u8>, JsValue> {
        let items = std::mem::take(&mut self.items);
        Ok(index_build::delta(&catalog.0, &Change { items, ..Change::default() })?)
    }
}

impl CatalogBuilder {
    fn of(schema: Schema, stored: Vec<String>, has_model: bool) -> Self {
        let reader = ItemReader::new(schema.clone(), stored.clone(), has_model);
        let (items, queries) = (Vec::new(), Vec::new());
        Self { schema, stored, reader, items, queries, field: 0, text_warning: None, first: None }
    }
}

/// Checks the text of a file of synonyms.
#[wasm_bindgen(js_name = checkSynonyms)]
pub fn check_synonyms(text: &str) -> Result<(), JsValue> {
    index_build::read_synonyms(text)?;
    Ok(())
}

/// Writes a delta with patches, JSON. Returns no bytes if they change nothing.
#[wasm_bindgen(js_name = patchesOf)]
pub fn patches_of(catalog: &Catalog, patches: &str) -> Result<Vec<u8>, JsValue> {
    Ok(index_build::delta(&catalog.0, &Change::patches(json(patches)?)?)?)
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

/// Returns the result of a search as indented JSON. `request` is JSON; `top_k` comes before its number of hits.
#[wasm_bindgen(js_name = searchText)]
pub fn search_text(
    catalog: &Catalog,
    query: &str,
    top_k: Option<u32>,
    request: &str,
    vector: Option<Vec<f32>>,
) -> Result<String, JsValue> {
    let request = index_build::read_request(request, query, top_k.map(|top_k| top_k as usize))?;
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
