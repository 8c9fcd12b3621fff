//! The file from which a training resumes: safetensors with `weight.NAME`, `first.NAME` and `second.NAME` (AdamW's
//! moments), and with counters, settings and history as JSON in the metadata.

use std::collections::{BTreeMap, HashMap};

use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde::{Deserialize, Serialize};

use super::adamw::{AdamW, Moments};
use super::failure::computation_failed;
use super::history::History;
use super::model::Model;
use super::parameters::{Parameters, to_safetensors};
use crate::error::{Error, ErrorCode, Result, fail};

const KEY: &str = "corom training";

#[derive(Serialize, Deserialize)]
struct Description {
    settings: String,
    updates: u64,
    history: History,
}

/// Returns the state as a file.
///
/// # Errors
/// `INTERNAL` if it cannot be serialized.
pub(super) fn save(model: &Model, optimizer: &AdamW, history: &History, settings: &str) -> Result<Vec<u8>> {
    let mut tensors = BTreeMap::new();
    for (name, (shape, numbers)) in model.weights()? {
        if let Some(Moments { first, second }) = optimizer.moments.get(&name) {
            tensors.insert(format!("first.{name}"), (shape.clone(), first.clone()));
            tensors.insert(format!("second.{name}"), (shape.clone(), second.clone()));
        }
        tensors.insert(format!("weight.{name}"), (shape, numbers));
    }
    let description =
        Description { settings: settings.to_owned(), updates: optimizer.updates, history: history.clone() };
    let json = serde_json::to_string(&description)
        .map_err(|e| Error::with_source(ErrorCode::Internal, "the state cannot be serialized", e))?;
    to_safetensors(&tensors, Some(HashMap::from([(KEY.to_owned(), json)])))
}

/// Sets the weights of `model` and returns the optimizer and the history of a state.
///
/// # Errors
/// `INVALID_ARGUMENT` if the file is damaged, belongs to other settings, or to a model of other shapes.
pub(super) fn restore(bytes: &[u8], model: &Model, settings: &str) -> Result<(AdamW, History)> {
    let damaged = |e: &dyn std::fmt::Display| {
        Error::new(ErrorCode::InvalidArgument, format!("the state of the training is damaged: {e}"))
    };
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(&e))?;
    let json = metadata.metadata().as_ref().and_then(|map| map.get(KEY));
    let json = json.ok_or_else(|| damaged(&"it has no description"))?;
    let description: Description = serde_json::from_str(json).map_err(|e| damaged(&e))?;
    if description.settings != settings {
        fail!(
            InvalidArgument,
            "the training to resume has other settings:\n  {}\nthan this command:\n  {settings}",
            description.settings
        );
    }
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| damaged(&e))?;
    let mut optimizer = AdamW { updates: description.updates, ..AdamW::default() };
    for (name, var) in model.parameters().iter() {
        let read = |part: &str| tensors.tensor(&format!("{part}.{name}"));
        let weight = read("weight").map_err(|e| damaged(&e))?;
        if weight.shape() != var.dims() {
            fail!(
                InvalidArgument,
                "the state has `{name}` as {:?}; the model, {:?}",
                weight.shape(),
                var.dims()
            );
        }
        Parameters::set(var, numbers(&weight)).map_err(computation_failed)?;
        if let (Ok(first), Ok(second)) = (read("first"), read("second")) {
            let moments = Moments { first: numbers(&first), second: numbers(&second) };
            optimizer.moments.insert(name.to_owned(), moments);
        }
    }
    Ok((optimizer, description.history))
}

fn numbers(view: &TensorView) -> Vec<f32> {
    let (numbers, _) = view.data().as_chunks::<4>();
    numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}
