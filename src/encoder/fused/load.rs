//! An encoder while its weights arrive.

use std::collections::BTreeMap;

use super::FusedEncoder;
use super::assemble::Assembly;
use super::pack::Precision;
use crate::config::BertConfig;
use crate::encoder::cpu::linear::{Race, Weights};
use crate::encoder::matcher::{Fused, fuse};
use crate::encoder::onnx::{Expected, Graph, Model, Weight, check_shared, declared_values, part, translate};
use crate::encoder::signature::GraphSignature;
use crate::encoder::unfused::UnfusedEncoder;
use crate::encoder::{Encoder, EncoderInfo};
use crate::error::{Error, ErrorCode, Result, fail};

/// What an encoder is loaded for.
#[derive(Debug, Clone, Default)]
pub struct EncoderOptions {
    /// The hidden layers wanted, see [`Pooling::layers`](crate::config::Pooling::layers).
    pub layers: Vec<usize>,
    /// Whether only the first row of each text is wanted, of the last layer.
    pub first_rows: bool,
    /// How exact the fused graph is.
    pub precision: Precision,
    /// The kernels.
    pub kernel: Autotuner,
    /// Whether the graph is to be run by plain tract as it is.
    pub unfused: bool,
}

/// An encoder on its way: the graph is known, its weights are coming.
///
/// Files may come side by side, the bytes of each in order; [`end`](Self::end) says that a file's
/// bytes are sound, and only then are they packed. So a damaged file can be begun again.
pub struct EncoderLoader {
    config: BertConfig,
    options: EncoderOptions,
    state: State,
}

enum State {
    /// The fused graph: weights are packed as they come.
    Packing(Box<Packing>),
    /// The file as it is, and whole weight files: what plain tract needs, and graphs that make no
    /// sense before their constants are there.
    Whole { onnx: Vec<u8>, files: BTreeMap<String, Vec<u8>>, again: bool },
}

struct Packing {
    assembly: Assembly,
    weights: Vec<Weight>,
    /// Bytes of weights whose file has not ended, by weight.
    coming: BTreeMap<usize, Vec<u8>>,
    /// How many bytes of weights each file has become so far.
    taken: BTreeMap<String, u64>,
    info: EncoderInfo,
}

impl EncoderLoader {
    /// Reads a graph. `onnx`: the file's bytes.
    ///
    /// # Errors
    /// As [`UnfusedEncoder::load`] finds them, as far as the weights are not needed for it.
    pub fn new(onnx: Vec<u8>, config: &BertConfig, options: EncoderOptions) -> Result<Self> {
        let config = config.clone();
        if options.unfused {
            let state = State::Whole { onnx, files: BTreeMap::new(), again: false };
            return Ok(Self { config, options, state });
        }
        let (packing, absent) = outline(&onnx, &BTreeMap::new(), &config, &options)?;
        let state = match packing {
            Some(packing) => State::Packing(packing),
            // A constant in a file that is not there may be all that keeps the graph from being known.
            None => State::Whole { onnx, files: BTreeMap::new(), again: absent },
        };
        Ok(Self { config, options, state })
    }

    /// Forgets what came of a file.
    pub fn begin(&mut self, path: &str) {
        match &mut self.state {
            State::Packing(packing) => {
                let weights = &packing.weights;
                packing.coming.retain(|weight, _| !lies_in(&weights[*weight], path));
                packing.taken.remove(path);
            }
            State::Whole { files, .. } => {
                files.insert(path.to_owned(), Vec::new());
            }
        }
    }

    /// Takes bytes of a file (its path relative to the ONNX file) that begin at `offset`, the next
    /// after those that came before.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY` when there is no room for them, `INVALID_MODEL` when the same bytes are many weights.
    pub fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        match &mut self.state {
            State::Packing(packing) => packing.write(path, offset, bytes),
            State::Whole { files, .. } => {
                let file = files.entry(path.to_owned()).or_default();
                grow(file, bytes.len(), path)?;
                file.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// A file has come whole and is what it should be.
    ///
    /// # Errors
    /// `INVALID_MODEL` when it is shorter than the weights in it, or they are no numbers.
    pub fn end(&mut self, path: &str) -> Result<()> {
        match &mut self.state {
            State::Packing(packing) => packing.end(path),
            State::Whole { .. } => Ok(()),
        }
    }

    /// The encoder, when all weights are there.
    ///
    /// # Errors
    /// `MISSING_FILE` when they are not, `UNSUPPORTED_OPERATOR` and others of
    /// [`UnfusedEncoder::load`] for a graph that is not fused.
    pub fn finish(self) -> Result<Box<dyn Encoder>> {
        let Self { config, options, state } = self;
        match state {
            State::Packing(packing) => (*packing).finish(config, &options),
            State::Whole { onnx, mut files, again } => {
                if again && let (Some(mut packing), _) = outline(&onnx, &files, &config, &options)? {
                    drop(onnx);
                    packing.take_files(&mut files)?;
                    return (*packing).finish(config, &options);
                }
                Ok(Box::new(UnfusedEncoder::load(onnx, files, &config, &options.layers)?))
            }
        }
    }
}

/// What a graph is, and whether it has constants that are not there.
fn outline(
    onnx: &[u8],
    files: &BTreeMap<String, Vec<u8>>,
    config: &BertConfig,
    options: &EncoderOptions,
) -> Result<(Option<Box<Packing>>, bool)> {
    let model = Model::parse(onnx)?;
    let (inputs, outputs) = declared_values(&model.graph);
    let mut signature = GraphSignature::find(&inputs, &outputs, config, &options.layers)?;
    let graph = match Graph::outline(model, files, &signature.outputs) {
        Ok(graph) => graph,
        // A node's own constant, which only then is in a file: nothing to be known before.
        Err(error) if error.code() == ErrorCode::MissingFile && files.is_empty() => return Ok((None, true)),
        Err(error) => return Err(error),
    };
    signature.resolve(&graph, config)?;
    if graph.absent.is_some() {
        return Ok((None, true));
    }
    let Some(fused) = recognise(&graph, &signature, config, options.first_rows) else {
        return Ok((None, false));
    };
    let info = EncoderInfo {
        hidden_size: config.hidden_size,
        pooled: signature.pooled,
        dtype: graph.dtype(),
        backend: "cpu",
        fused: true,
        precision: "f32",
        kernel: options.kernel.kernel().name(),
        weight_bytes: 0,
        static_batch: None,
        static_sequence: signature.static_shape.sequence,
    };
    // With the files here there is nothing to wait for meanwhile.
    if cfg!(target_arch = "wasm32") && files.is_empty() {
        options.kernel.warm_up(match (options.precision, info.dtype) {
            (Precision::F32, _) => WeightFormat::F32,
            (Precision::Auto, "int4") => WeightFormat::I4,
            (Precision::Auto, _) => WeightFormat::I8,
        });
    }
    let weights = graph.weights;
    let assembly = Assembly::new(fused, weights.len(), options.precision, options.kernel.clone());
    Ok((
        Some(Box::new(Packing { assembly, weights, coming: BTreeMap::new(), taken: BTreeMap::new(), info })),
        false,
    ))
}

/// The fused graph, if there is one. What translation says of a graph that it cannot translate
/// before its weights are there, it will say again.
fn recognise(
    graph: &Graph,
    signature: &GraphSignature,
    config: &BertConfig,
    first_rows: bool,
) -> Option<Fused> {
    let expected = Expected {
        vocab_size: config.vocab_size,
        type_vocab_size: config.type_vocab_size,
        hidden_size: config.hidden_size,
        max_positions: config.max_position_embeddings,
    };
    let translated =
        translate(graph, &signature.outputs, &signature.feeds, signature.static_shape, expected).ok()?;
    let fused = fuse(&translated, expected, first_rows, signature.pooled)?;
    // A file whose weights are used over and over would be packed over and over.
    let stored: usize = graph.weights.iter().map(|w| w.shape.iter().product::<usize>()).sum();
    (fused.elements() <= 4 * stored + (1 << 20)).then_some(fused)
}

fn lies_in(weight: &Weight, path: &str) -> bool {
    weight.place.as_ref().is_some_and(|(file, _)| file == path)
}

fn grow(buffer: &mut Vec<u8>, by: usize, path: &str) -> Result<()> {
    buffer.try_reserve(by).map_err(|_| {
        Error::new(
            ErrorCode::OutOfMemory,
            format!("there is no room for {path}, which is over {} bytes", buffer.len()),
        )
    })
}

impl Packing {
    /// Gives each weight its part of the bytes.
    fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        let end = offset + bytes.len() as u64;
        for (index, weight) in self.weights.iter().enumerate() {
            let Some((_, range)) = weight.place.as_ref().filter(|(file, _)| file == path) else { continue };
            let (from, to) = (range.start.max(offset), range.end.min(end));
            if from >= to || !self.assembly.wants(index) {
                continue;
            }
            let buffer = self.coming.entry(index).or_default();
            let due = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
            if buffer.is_empty() {
                // All at once, but no more than what a cut file could have.
                let most = due.min(bytes.len().max(32 << 20));
                buffer.try_reserve_exact(most).map_err(|_| no_room(path, due))?;
            }
            let part = &bytes[(from - offset) as usize..(to - offset) as usize];
            let taken = self.taken.entry(path.to_owned()).or_default();
            *taken = taken.saturating_add(part.len() as u64);
            check_shared(path, *taken, end.saturating_add(FIRST))?;
            buffer.try_reserve(part.len()).map_err(|_| no_room(path, due))?;
            buffer.extend_from_slice(part);
        }
        Ok(())
    }

    fn end(&mut self, path: &str) -> Result<()> {
        let here = |index: &usize| lies_in(&self.weights[*index], path) && self.assembly.wants(*index);
        let here: Vec<usize> = (0..self.weights.len()).filter(here).collect();
        // All of them first: a file that is cut is begun again, and nothing of it may stay.
        for index in &here {
            let weight = &self.weights[*index];
            let have = self.coming.get(index).map_or(0, Vec::len);
            if have as u64 != weight.byte_size()? {
                fail!(
                    InvalidModel,
                    "`{path}` ends before tensor `{}`, of which it has {have} bytes: the file is truncated",
                    weight.name
                );
            }
        }
        for index in here {
            let weight = &self.weights[index];
            let bytes = self.coming.remove(&index).unwrap_or_default();
            let numbers = weight.numbers(bytes)?;
            self.assembly.put(index, numbers)?;
        }
        Ok(())
    }

    /// Weights out of whole files.
    fn take_files(&mut self, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
        while let Some((path, file)) = files.pop_first() {
            let mut taken = 0u64;
            for index in 0..self.weights.len() {
                let weight = &self.weights[index];
                let Some((_, range)) = weight.place.as_ref().filter(|(p, _)| *p == path) else { continue };
                if self.assembly.wants(index) {
                    let bytes = part(&file, &path, &weight.name, range)?.to_vec();
                    taken = taken.saturating_add(bytes.len() as u64);
                    check_shared(&path, taken, file.len() as u64)?;
                    let numbers = weight.numbers(bytes)?;
                    self.assembly.put(index, numbers)?;
                }
            }
        }
        Ok(())
    }

    fn finish(mut self, config: BertConfig, options: &EncoderOptions) -> Result<Box<dyn Encoder>> {
        for index in 0..self.weights.len() {
            if !self.assembly.wants(index) {
                continue;
            }
            if let Some((path, _)) = &self.weights[index].place {
                fail!(MissingFile, "the model's weights are in `{path}`, which is not there");
            }
            let numbers = self.weights[index].take()?;
            self.assembly.put(index, numbers)?;
        }
        let Self { assembly, mut info, .. } = self;
        let (runnable, pooled) = (assembly.finish()?, info.pooled);
        info.weight_bytes = runnable.weight_bytes;
        info.precision = runnable.precision;
        info.static_sequence = match (info.static_sequence, runnable.positions) {
            (Some(_), Some(rows)) => Some(rows.min(config.max_position_embeddings)),
            (None, Some(rows)) if rows < config.max_position_embeddings => Some(rows),
            _ => None,
        };
        Ok(Box::new(FusedEncoder::new(runnable, info, config, options.first_rows || pooled)))
    }
}

/// A file's first bytes may be used more often: they may be small.
const FIRST: u64 = 4 << 10;

fn no_room(path: &str, bytes: usize) -> Error {
    Error::new(ErrorCode::OutOfMemory, format!("there is no room for a weight of {bytes} bytes in {path}"))
}
