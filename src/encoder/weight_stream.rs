//! Cuts the bytes of weight files into weights and hands each weight to a back end.

use std::collections::BTreeMap;

use crate::encoder::Encoder;
use crate::encoder::onnx::{Weight, check_byte_reuse, tensor_bytes};
use crate::encoder::plan::TensorData;
use crate::encoder::reserve::try_copied;
use crate::error::{Error, ErrorCode, Result, fail};

/// Builds an encoder from a plan while weights arrive. Every back end that runs plans has one.
pub(super) trait PlanBuilder {
    /// Returns true if the weight is needed and has not arrived.
    fn wants(&self, weight: usize) -> bool;

    /// Takes a weight, and packs the ops whose weights have all arrived.
    ///
    /// # Errors
    /// `INVALID_MODEL` for a weight that is not finite, `OUT_OF_MEMORY`.
    fn put(&mut self, weight: usize, data: TensorData) -> Result<()>;

    /// Returns the encoder. All weights have arrived.
    ///
    /// # Errors
    /// `INTERNAL` if the back end cannot run the plan, `OUT_OF_MEMORY`.
    fn finish(self: Box<Self>) -> Result<Box<dyn Encoder>>;
}

/// Bytes at the start of a file that may be read by many weights: small tensors share them.
const SHARED_BYTES: u64 = 4 << 10;

/// The most bytes that are reserved for a weight before its bytes arrive. A truncated file may claim
/// more than it has.
const MAX_RESERVED_BYTES: usize = 32 << 20;

/// The weights of a graph while they arrive.
pub(super) struct WeightStream {
    weights: Vec<Weight>,
    builder: Box<dyn PlanBuilder>,
    /// Per weight, its bytes so far. Its file has not ended.
    arriving: BTreeMap<usize, Vec<u8>>,
    /// Per file, the bytes that weights have taken from it.
    taken: BTreeMap<String, u64>,
}

impl WeightStream {
    pub(super) fn new(weights: Vec<Weight>, builder: Box<dyn PlanBuilder>) -> Self {
        Self { weights, builder, arriving: BTreeMap::new(), taken: BTreeMap::new() }
    }

    /// Begins a file again: drops the weights that were taken from it.
    pub(super) fn begin(&mut self, path: &str) {
        let weights = &self.weights;
        self.arriving.retain(|weight, _| !lies_in(&weights[*weight], path));
        self.taken.remove(path);
    }

    /// Appends the bytes of a file to the weights that lie in it. `offset` is the position of the
    /// first byte.
    pub(super) fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        let end = offset + bytes.len() as u64;
        for (index, weight) in self.weights.iter().enumerate() {
            let Some(external) = weight.external.as_ref().filter(|external| external.path == path) else {
                continue;
            };
            let range = &external.range;
            let (from, to) = (range.start.max(offset), range.end.min(end));
            if from >= to || !self.builder.wants(index) {
                continue;
            }
            let buffer = self.arriving.entry(index).or_default();
            let size = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
            if buffer.is_empty() {
                let reserved = size.min(bytes.len().max(MAX_RESERVED_BYTES));
                buffer.try_reserve_exact(reserved).map_err(|_| out_of_memory(path, size))?;
            }
            let part = &bytes[(from - offset) as usize..(to - offset) as usize];
            let taken = self.taken.entry(path.to_owned()).or_default();
            *taken = taken.saturating_add(part.len() as u64);
            check_byte_reuse(path, *taken, end.saturating_add(SHARED_BYTES))?;
            buffer.try_reserve(part.len()).map_err(|_| out_of_memory(path, size))?;
            buffer.extend_from_slice(part);
        }
        Ok(())
    }

    /// Ends a file: hands its weights to the back end.
    pub(super) fn end(&mut self, path: &str) -> Result<()> {
        let in_file = |index: &usize| lies_in(&self.weights[*index], path) && self.builder.wants(*index);
        let in_file: Vec<usize> = (0..self.weights.len()).filter(in_file).collect();
        // Check all weights first: a truncated file is begun again, so none of its weights may stay.
        for index in &in_file {
            let weight = &self.weights[*index];
            let have = self.arriving.get(index).map_or(0, Vec::len);
            let size = weight.byte_size()?;
            if have as u64 != size {
                fail!(
                    InvalidModel,
                    "{path}: the file is truncated: tensor `{}` has {have} of {size} bytes",
                    weight.name
                );
            }
        }
        for index in in_file {
            let bytes = self.arriving.remove(&index).unwrap_or_default();
            let data = self.weights[index].decode(bytes)?;
            self.builder.put(index, data)?;
        }
        Ok(())
    }

    /// Hands the weights of complete files to the back end.
    pub(super) fn take_files(&mut self, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
        while let Some((path, file)) = files.pop_first() {
            let mut taken = 0u64;
            for (index, weight) in self.weights.iter().enumerate() {
                let Some(external) = weight.external.as_ref().filter(|external| external.path == path) else {
                    continue;
                };
                if self.builder.wants(index) {
                    let bytes = tensor_bytes(&file, &path, &weight.name, &external.range)?;
                    let bytes = try_copied(bytes, format_args!("tensor `{}`", weight.name))?;
                    taken = taken.saturating_add(bytes.len() as u64);
                    check_byte_reuse(&path, taken, file.len() as u64)?;
                    self.builder.put(index, weight.decode(bytes)?)?;
                }
            }
        }
        Ok(())
    }

    /// Hands the weights inside the ONNX file to the back end and returns the encoder.
    pub(super) fn finish(mut self) -> Result<Box<dyn Encoder>> {
        for (index, weight) in self.weights.iter_mut().enumerate() {
            if !self.builder.wants(index) {
                continue;
            }
            if let Some(external) = &weight.external {
                fail!(MissingFile, "{} is missing: the model keeps weights in it", external.path);
            }
            self.builder.put(index, weight.take()?)?;
        }
        self.builder.finish()
    }
}

fn lies_in(weight: &Weight, path: &str) -> bool {
    weight.external.as_ref().is_some_and(|external| external.path == path)
}

fn out_of_memory(path: &str, bytes: usize) -> Error {
    Error::new(ErrorCode::OutOfMemory, format!("cannot reserve {bytes} bytes for a weight of {path}"))
}
