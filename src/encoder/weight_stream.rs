//! Cuts the bytes of weight files into weights and hands each weight to a back end.
//!
//! A weight of a file with a hash is handed over when the file has ended and was verified. A weight of a file
//! without a hash is handed over as soon as its last byte has arrived. If such a file is begun again before it
//! has ended, it may be another version: the back end forgets what it has from the file, and what it had packed
//! together with it. Then weights of other files may be needed again, and [`WeightStream::is_complete`] is false
//! for these files until they have arrived again. A back end that holds weights outside of memory, on a GPU, gets the
//! weights of all files this way, and forgets those of a file that turns out to be damaged.

use std::collections::{BTreeMap, BTreeSet};

use crate::encoder::Encoder;
use crate::encoder::onnx::{ArrivedWeight, Int8Rows, Weight, WeightBuffer, check_byte_reuse, tensor_bytes};
use crate::encoder::plan::TensorData;
use crate::encoder::reserve::try_copied;
use crate::error::{Error, ErrorCode, Result, fail};

/// Builds an encoder from a plan while weights arrive. Every back end that runs plans has one.
pub(super) trait PlanBuilder {
    /// Returns true if the weight is needed and has not arrived.
    fn wants(&self, weight: usize) -> bool;

    /// Returns the width of the rows of a table that may be handed over as int8 rows ([`Self::put_rows`]).
    fn row_width(&self, weight: usize) -> Option<usize>;

    /// Takes a weight, and packs the ops whose weights have all arrived.
    ///
    /// # Errors
    /// `INVALID_MODEL` for a weight that is not finite, `OUT_OF_MEMORY`.
    fn put(&mut self, weight: usize, data: TensorData) -> Result<()>;

    /// Takes a table whose [`Self::row_width`] is known.
    ///
    /// # Errors
    /// The errors of [`Self::put`].
    fn put_rows(&mut self, weight: usize, rows: Int8Rows) -> Result<()>;

    /// Returns true if weights are handed over before their file is verified, so that few of them are in memory.
    fn takes_unverified(&self) -> bool {
        false
    }

    /// Drops a weight and the ops that were packed with it. All weights of these ops are needed again.
    fn forget(&mut self, weight: usize);

    /// Returns the encoder. All weights have arrived.
    ///
    /// # Errors
    /// `INTERNAL` if the back end cannot run the plan, `OUT_OF_MEMORY`.
    fn finish(self: Box<Self>) -> Result<Box<dyn Encoder>>;
}

/// Bytes at the start of a file that may be read by many weights: small tensors share them.
const SHARED_BYTES: u64 = 4 << 10;

/// The weights of a graph while they arrive.
pub(super) struct WeightStream {
    weights: Vec<Weight>,
    builder: Box<dyn PlanBuilder>,
    /// Per weight, its elements so far.
    arriving: BTreeMap<usize, WeightBuffer>,
    files: BTreeMap<String, WeightFile>,
    /// True if the back end may need weights inside the ONNX file.
    embedded_pending: bool,
}

/// A weight file that was begun.
#[derive(Debug, Default)]
struct WeightFile {
    /// True if each weight is handed over as soon as it has arrived.
    is_early: bool,
    /// The bytes so far.
    size: u64,
    /// The bytes that weights have taken.
    taken: u64,
    /// The weights that were handed over before the file has ended.
    handed_over: BTreeSet<usize>,
    /// True if the file is verified at its end. Until then a weight that is not valid may be a damaged one, and the
    /// file is begun again.
    is_verified: bool,
    fault: Option<Error>,
}

impl WeightStream {
    pub(super) fn new(weights: Vec<Weight>, builder: Box<dyn PlanBuilder>) -> Self {
        Self { weights, builder, arriving: BTreeMap::new(), files: BTreeMap::new(), embedded_pending: true }
    }

    /// Begins a file, or begins it again: drops the weights that were taken from it, unless it had ended.
    /// `is_early`: each weight is handed over as soon as it has arrived, and nothing verifies the file.
    pub(super) fn begin(&mut self, path: &str, is_early: bool) {
        let weights = &self.weights;
        self.arriving.retain(|weight, _| !lies_in(&weights[*weight], path));
        let file = WeightFile {
            is_early: is_early || self.builder.takes_unverified(),
            is_verified: !is_early,
            ..WeightFile::default()
        };
        let before = self.files.insert(path.to_owned(), file);
        for weight in before.map(|file| file.handed_over).into_iter().flatten() {
            self.builder.forget(weight);
            self.embedded_pending = true;
        }
    }

    /// Appends the bytes of a file to the weights that lie in it. `offset` is the position of the
    /// first byte.
    pub(super) fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        self.put_embedded()?;
        let end = offset.saturating_add(bytes.len() as u64);
        let file = self.files.entry(path.to_owned()).or_default();
        file.size = end;
        let mut arrived = Vec::new();
        for (index, weight) in self.weights.iter().enumerate() {
            let Some(external) = weight.external.as_ref().filter(|external| external.path == path) else {
                continue;
            };
            let range = &external.range;
            let (from, to) = (range.start.max(offset), range.end.min(end));
            if from >= to || !self.builder.wants(index) {
                continue;
            }
            let mut buffer = match self.arriving.remove(&index) {
                Some(buffer) => buffer,
                None if from == range.start => weight.buffer(self.builder.row_width(index))?,
                // The weight was forgotten after its first bytes had passed.
                None => continue,
            };
            let part = &bytes[(from - offset) as usize..(to - offset) as usize];
            file.taken = file.taken.saturating_add(part.len() as u64);
            check_byte_reuse(path, file.taken, end.saturating_add(SHARED_BYTES))?;
            buffer.push(part)?;
            self.arriving.insert(index, buffer);
            if file.is_early && to == range.end {
                file.handed_over.insert(index);
                arrived.push(index);
            }
        }
        for index in arrived {
            let handed_over = self.hand_over(index);
            match (handed_over, self.files.get_mut(path)) {
                (Err(fault), Some(file)) if file.is_verified && fault.code() == ErrorCode::InvalidModel => {
                    file.fault.get_or_insert(fault);
                }
                (handed_over, _) => handed_over?,
            }
        }
        Ok(())
    }

    /// Ends a file: hands its weights to the back end.
    pub(super) fn end(&mut self, path: &str) -> Result<()> {
        if let Some(fault) = self.files.get_mut(path).and_then(|file| file.fault.take()) {
            return Err(fault);
        }
        let file_size = self.files.get(path).map_or(0, |file| file.size);
        let in_file = |index: &usize| lies_in(&self.weights[*index], path) && self.builder.wants(*index);
        let in_file: Vec<usize> = (0..self.weights.len()).filter(in_file).collect();
        let mut arrived = Vec::new();
        // Check all weights first: a truncated file is begun again, so none of its weights may stay.
        for index in in_file {
            let weight = &self.weights[index];
            let have = self.arriving.get(&index).map_or(0, WeightBuffer::taken);
            let size = weight.byte_size()?;
            if have == size {
                arrived.push(index);
                continue;
            }
            self.arriving.remove(&index);
            // Otherwise the weight was forgotten after its bytes had passed.
            if weight.external.as_ref().is_none_or(|external| external.range.end > file_size) {
                fail!(
                    InvalidModel,
                    "{path}: the file is truncated: tensor `{}` has {have} of {size} bytes",
                    weight.name
                );
            }
        }
        arrived.into_iter().try_for_each(|index| self.hand_over(index))?;
        self.files.remove(path);
        Ok(())
    }

    /// Returns true if no weight of a file is needed.
    pub(super) fn is_complete(&self, path: &str) -> bool {
        let needed = |(index, weight): (usize, &Weight)| lies_in(weight, path) && self.builder.wants(index);
        !self.weights.iter().enumerate().any(needed)
    }

    /// Hands a weight that has arrived to the back end.
    fn hand_over(&mut self, index: usize) -> Result<()> {
        let Some(buffer) = self.arriving.remove(&index) else { return Ok(()) };
        let weight = &self.weights[index];
        match buffer.finish(&weight.name)? {
            ArrivedWeight::Rows(rows) => self.builder.put_rows(index, rows),
            ArrivedWeight::Floats(floats) => self.builder.put(index, TensorData::F32(floats)),
            ArrivedWeight::Bytes(bytes) => self.builder.put(index, weight.decode(bytes)?),
        }
    }

    /// Hands the weights inside the ONNX file to the back end. They come first: an op is packed, and its large
    /// weight dropped, as soon as the last of its weights has arrived.
    fn put_embedded(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.embedded_pending) {
            return Ok(());
        }
        for (index, weight) in self.weights.iter().enumerate() {
            if weight.external.is_none() && self.builder.wants(index) {
                self.builder.put(index, weight.embedded()?)?;
            }
        }
        Ok(())
    }

    /// Hands the weights of complete files to the back end.
    pub(super) fn take_files(&mut self, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
        self.put_embedded()?;
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

    /// Returns the encoder.
    pub(super) fn finish(mut self) -> Result<Box<dyn Encoder>> {
        self.put_embedded()?;
        let missing = self.weights.iter().enumerate().find(|(index, _)| self.builder.wants(*index));
        if let Some((_, Weight { name, external, .. })) = missing {
            match external {
                Some(file) => fail!(MissingFile, "{} is missing: the model keeps weights in it", file.path),
                None => fail!(Internal, "tensor `{name}` was not packed"),
            }
        }
        self.builder.finish()
    }
}

fn lies_in(weight: &Weight, path: &str) -> bool {
    weight.external.as_ref().is_some_and(|external| external.path == path)
}
