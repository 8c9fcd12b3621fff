//! The columns of a run: the texts, the ids and those that the output repeats.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Fields, Schema};
use corom::error::Result;

use super::super::{Selection, listed};
use crate::embed::columnar::integer;
use crate::embed::row::Id;
use crate::fail;

/// The advice for columns that cannot be repeated.
const KEEP: &str = "choose the columns that OUT repeats with --keep";

/// Indices of columns among those that are read.
#[derive(Debug)]
pub(super) struct Picks {
    /// The indices of the columns that are read, among all, ascending.
    pub(super) read: Vec<usize>,
    pub(super) text: usize,
    pub(super) id: Option<usize>,
    /// The columns that the output repeats.
    pub(super) kept: Vec<usize>,
    text_name: String,
    id_name: String,
}

impl Picks {
    /// Finds the selected columns. `name` is the name of the input.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if a column is missing, ambiguous, or of another type than its use needs.
    pub(super) fn new(name: &str, schema: &Schema, select: &Selection) -> Result<Self> {
        let fields = schema.fields();
        let text = match &select.column {
            Some(wanted) => find(name, fields, "--column", wanted)?,
            None if fields.len() == 1 => 0,
            None => fail!(
                InvalidArgument,
                "{name}: it has the columns {}; choose the one with the texts with --column",
                listed(&names(fields))
            ),
        };
        if !is_text(fields[text].data_type()) {
            fail!(
                InvalidArgument,
                "{name}: --column: `{}` has the type {}; expected text",
                fields[text].name(),
                fields[text].data_type()
            );
        }
        let id = select.id.as_ref().map(|wanted| find(name, fields, "--id", wanted)).transpose()?;
        if let Some(id) = id
            && !is_id(fields[id].data_type())
        {
            fail!(
                InvalidArgument,
                "{name}: --id: `{}` has the type {}; expected whole numbers or texts",
                fields[id].name(),
                fields[id].data_type()
            );
        }
        let kept = kept(name, fields, select, id)?;
        let mut read: Vec<usize> = kept.iter().copied().chain([text]).chain(id).collect();
        read.sort_unstable();
        read.dedup();
        let place = |index: usize| read.binary_search(&index).unwrap_or_default();
        Ok(Self {
            text: place(text),
            id: id.map(place),
            kept: kept.into_iter().map(place).collect(),
            text_name: fields[text].name().clone(),
            id_name: id.map_or_else(String::new, |id| fields[id].name().clone()),
            read,
        })
    }

    /// Returns the text of a row.
    ///
    /// # Errors
    /// The reason, if it has none.
    pub(super) fn text(&self, batch: &RecordBatch, row: usize) -> Result<String, String> {
        match text_at(&**batch.column(self.text), row) {
            Value::Text(text) => Ok(text.to_owned()),
            Value::NotUtf8 => Err(format!("is not UTF-8 in the column `{}`", self.text_name)),
            _ => Err(format!("has no text in the column `{}`", self.text_name)),
        }
    }

    /// Returns the id of a row: none without a column of ids.
    ///
    /// # Errors
    /// The reason, if it has none.
    pub(super) fn id(&self, batch: &RecordBatch, row: usize) -> Result<Option<Id>, String> {
        let Some(id) = self.id else { return Ok(None) };
        let array = &**batch.column(id);
        if let Some(number) = integer(array, row) {
            return Ok(Some(Id::Number(number)));
        }
        match text_at(array, row) {
            Value::Text("") => Err("has an empty id".to_owned()),
            Value::Text(text) => Ok(Some(Id::Text(text.to_owned()))),
            Value::Number(number) => Ok(Some(Id::Number(number))),
            Value::NotUtf8 => Err(format!("is not UTF-8 in the column `{}`", self.id_name)),
            Value::Missing => Err(format!("has no id in the column `{}`", self.id_name)),
        }
    }
}

/// Finds a column by its name.
fn find(name: &str, fields: &Fields, option: &str, wanted: &str) -> Result<usize> {
    let mut found = (0..fields.len()).filter(|&index| fields[index].name() == wanted);
    match (found.next(), found.next()) {
        (Some(index), None) => Ok(index),
        (Some(_), Some(_)) => {
            fail!(InvalidArgument, "{option}: {name} has two columns `{wanted}`; rename one of them")
        }
        _ => fail!(
            InvalidArgument,
            "{option}: {name} has no column `{wanted}`; its columns are {}",
            listed(&names(fields))
        ),
    }
}

/// Returns the columns that the output repeats: those of `--keep` and the ids, or all.
fn kept(name: &str, fields: &Fields, select: &Selection, id: Option<usize>) -> Result<Vec<usize>> {
    if !select.repeats {
        return Ok(Vec::new());
    }
    let mut kept: Vec<usize> = match &select.keep {
        Some(keep) => {
            let found = keep.iter().map(|wanted| find(name, fields, "--keep", wanted));
            found.collect::<Result<Vec<_>>>()?.into_iter().chain(id).collect()
        }
        None => (0..fields.len()).collect(),
    };
    kept.sort_unstable();
    kept.dedup();
    for (at, &index) in kept.iter().enumerate() {
        let field = &fields[index];
        if select.reserved.contains(&field.name().as_str()) {
            fail!(
                InvalidArgument,
                "{name} has a column `{}` already, which is that of the vector; {KEEP}",
                field.name()
            );
        }
        if kept[..at].iter().any(|&other| fields[other].name() == field.name()) {
            fail!(InvalidArgument, "{name} has two columns `{}`; {KEEP}", field.name());
        }
        if !is_repeatable(field.data_type()) {
            fail!(
                InvalidArgument,
                "{name}: the column `{}` has the type {}, which cannot be repeated; {KEEP}",
                field.name(),
                field.data_type()
            );
        }
    }
    Ok(kept)
}

fn names(fields: &Fields) -> Vec<&str> {
    fields.iter().map(|field| field.name().as_str()).collect()
}

/// Returns true for texts. Old writers of Parquet mark no column of bytes as text.
fn is_text(data_type: &DataType) -> bool {
    use DataType::{Binary, BinaryView, Dictionary, LargeBinary, LargeUtf8, Utf8, Utf8View};
    match data_type {
        Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView => true,
        Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

fn is_id(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_id(values),
        other => other.is_integer() || is_text(other),
    }
}

/// Returns true unless a type has arrays that cannot be measured.
fn is_repeatable(data_type: &DataType) -> bool {
    use DataType::{Dictionary, FixedSizeList, LargeList, LargeListView, List, ListView, Map, RunEndEncoded};
    match data_type {
        DataType::Union(..) | RunEndEncoded(..) | ListView(_) | LargeListView(_) => false,
        DataType::Struct(fields) => {
            !fields.is_empty() && fields.iter().all(|field| is_nestable(field.data_type()))
        }
        List(field) | LargeList(field) | FixedSizeList(field, _) | Map(field, _) => {
            is_nestable(field.data_type())
        }
        Dictionary(_, values) => !values.is_nested(),
        _ => true,
    }
}

/// Returns true for types inside others: dictionaries of several batches cannot be joined there.
fn is_nestable(data_type: &DataType) -> bool {
    !matches!(data_type, DataType::Dictionary(..)) && is_repeatable(data_type)
}

/// A value as a text or a number.
enum Value<'a> {
    Text(&'a str),
    Number(i128),
    NotUtf8,
    Missing,
}

fn text_at(array: &dyn Array, row: usize) -> Value<'_> {
    if array.is_null(row) {
        return Value::Missing;
    }
    let bytes = |bytes| str::from_utf8(bytes).map_or(Value::NotUtf8, Value::Text);
    match array.data_type() {
        DataType::Utf8 => Value::Text(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Value::Text(array.as_string::<i64>().value(row)),
        DataType::Utf8View => Value::Text(array.as_string_view().value(row)),
        DataType::Binary => bytes(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => bytes(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => bytes(array.as_binary_view().value(row)),
        DataType::Dictionary(..) => {
            let array = array.as_any_dictionary();
            match integer(array.keys(), row) {
                Some(key) => text_at(&**array.values(), key as usize),
                None => Value::Missing,
            }
        }
        _ => integer(array, row).map_or(Value::Missing, Value::Number),
    }
}
