//! Loads an encoder while its weights arrive, and chooses the back end.

use std::collections::BTreeMap;

use crate::config::BertConfig;
#[cfg(not(target_arch = "wasm32"))]
use crate::encoder::BackendChoice;
use crate::encoder::cpu::CpuBuilder;
#[cfg(feature = "gpu")]
use crate::encoder::gpu::{self, GpuBuilder};
use crate::encoder::matcher::match_graph;
use crate::encoder::onnx::{
    ModelSizes, ONNX_FILE_ITSELF, OnnxFile, OnnxGraph, OnnxModel, OnnxReader, SecondReading, Weight,
    translate,
};
use crate::encoder::plan::Plan;
#[cfg(not(target_arch = "wasm32"))]
use crate::encoder::reference_backend::ReferenceBuilder;
use crate::encoder::signature::GraphSignature;
#[cfg(feature = "unfused")]
use crate::encoder::unfused::UnfusedEncoder;
use crate::encoder::weight_stream::{PlanBuilder, WeightStream};
use crate::encoder::{Encoder, EncoderOptions, ModelFacts};
use crate::error::{Error, ErrorCode, Result, fail};

/// An encoder whose graph is known and whose weights are still arriving.
///
/// Files may arrive side by side, the bytes of each in order. [`end`](Self::end) says that the bytes
/// of a file are valid. A damaged file can be begun again. If the ONNX file is not whole
/// ([`OnnxFile::is_whole`]), it is needed once more, at the path [`ONNX_FILE_ITSELF`].
pub struct EncoderLoader {
    config: BertConfig,
    options: EncoderOptions,
    onnx: OnnxFile,
    /// Compares the ONNX file with its first reading.
    second_reading: SecondReading,
    outputs: OutputShape,
    state: State,
}

/// The output that an encoder will return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputShape {
    /// True if the output is the graph's sentence vector, one row per text.
    pub pooled: bool,
    /// The number of columns, if the file states it.
    pub width: Option<usize>,
}

enum State {
    /// The graph has a plan: weights are packed as they arrive.
    Planned(Box<WeightStream>),
    /// Complete weight files, for the unfused encoder.
    ///
    /// `whole`: reads the ONNX file as a whole if weights were left out the first time.
    /// `retry`: the graph refers to constants in files that have not arrived, so a plan may exist
    /// once they have.
    Complete { whole: Option<Box<OnnxReader>>, files: BTreeMap<String, Vec<u8>>, retry: bool },
}

impl State {
    fn complete(retry: bool) -> Self {
        Self::Complete { whole: None, files: BTreeMap::new(), retry }
    }
}

impl EncoderLoader {
    /// Reads a graph. `onnx` holds the bytes of the ONNX file.
    ///
    /// # Errors
    /// The errors of [`OnnxFile::parse`] and [`from_file`](Self::from_file).
    pub fn new(onnx: &[u8], config: &BertConfig, options: EncoderOptions) -> Result<Self> {
        Self::from_file(OnnxFile::parse(onnx)?, config, options)
    }

    /// Reads the graph of an ONNX file.
    ///
    /// # Errors
    /// The errors of `UnfusedEncoder::load` that can be detected without the weights; `INVALID_ARGUMENT` if
    /// `first_rows` is set with other layers than the last one; `NEEDS_UNFUSED` for a graph without a plan if
    /// the feature `unfused` is off.
    pub fn from_file(onnx: OnnxFile, config: &BertConfig, options: EncoderOptions) -> Result<Self> {
        let config = config.clone();
        if options.first_rows && options.layers != [config.num_hidden_layers] {
            fail!(
                InvalidArgument,
                "first_rows: the layers are {:?}; only the last layer, {}, can be reduced to first rows",
                options.layers,
                config.num_hidden_layers
            );
        }
        let (outputs, planning) = read_plan(onnx.model.clone(), &BTreeMap::new(), &config, &options)?;
        let state = match planning {
            Planning::Planned(stream) => State::Planned(stream),
            Planning::Unrecognized => {
                needs_unfused()?;
                State::complete(false)
            }
            Planning::ConstantMissing => State::complete(true),
        };
        let second_reading = SecondReading::default();
        let mut loader = Self { config, options, onnx, second_reading, outputs, state };
        if matches!(loader.state, State::Planned(_)) {
            loader.onnx.model.drop_graph();
        }
        Ok(loader)
    }

    /// Returns true if the graph has a plan. Any other graph is translated, and may be rejected, when all
    /// weights have arrived.
    pub fn is_planned(&self) -> bool {
        matches!(self.state, State::Planned(_))
    }

    /// Returns what the encoder will return.
    pub fn outputs(&self) -> OutputShape {
        self.outputs
    }

    /// Begins a weight file, or begins it again: drops what was taken from it. Its weights are packed when it
    /// has ended.
    pub fn begin(&mut self, path: &str) {
        self.begin_with(path, false);
    }

    /// Begins a weight file that nothing verifies at its end, because no hash is known. Each weight is packed
    /// as soon as it has arrived. If the file is begun again before it has ended, everything that was packed
    /// with its weights is dropped; then other files may have to be passed again
    /// ([`is_complete`](Self::is_complete)).
    pub fn begin_unverified(&mut self, path: &str) {
        self.begin_with(path, true);
    }

    fn begin_with(&mut self, path: &str, is_early: bool) {
        if path == ONNX_FILE_ITSELF {
            self.second_reading = SecondReading::default();
        }
        match &mut self.state {
            State::Planned(stream) => stream.begin(path, is_early),
            State::Complete { whole, .. } if path == ONNX_FILE_ITSELF => {
                *whole = Some(Box::new(OnnxReader::keeping(u64::MAX)));
            }
            State::Complete { files, .. } => {
                files.insert(path.to_owned(), Vec::new());
            }
        }
    }

    /// Takes the next bytes of a weight file. `path` is relative to the ONNX file, `offset` is the
    /// number of bytes that were written before.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY`; `INVALID_MODEL` if many weights share the same bytes or a weight is not finite.
    pub fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        if path == ONNX_FILE_ITSELF
            && let Some(first) = &self.onnx.skipped
        {
            self.second_reading.write(first, bytes);
        }
        match &mut self.state {
            State::Planned(stream) => stream.write(path, offset, bytes),
            State::Complete { whole, .. } if path == ONNX_FILE_ITSELF => match whole {
                Some(reader) => reader.write(bytes),
                None => Ok(()),
            },
            State::Complete { files, .. } => {
                let file = files.entry(path.to_owned()).or_default();
                if file.try_reserve(bytes.len()).is_err() {
                    let message = format!("cannot reserve memory for {path} after {} bytes", file.len());
                    return Err(Error::new(ErrorCode::OutOfMemory, message));
                }
                file.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// Ends a weight file: its bytes are complete and valid.
    ///
    /// # Errors
    /// `INVALID_MODEL` if the file is shorter than the weights in it or a weight is not finite,
    /// `INTEGRITY_MISMATCH` if the ONNX file is not the one that was read before, `OUT_OF_MEMORY`.
    pub fn end(&mut self, path: &str) -> Result<()> {
        if path == ONNX_FILE_ITSELF
            && let Some(first) = &self.onnx.skipped
        {
            std::mem::take(&mut self.second_reading).finish(first)?;
        }
        match &mut self.state {
            State::Planned(stream) => stream.end(path),
            State::Complete { whole, .. } => {
                if path == ONNX_FILE_ITSELF
                    && let Some(reader) = whole.take()
                {
                    self.onnx = reader.finish()?;
                }
                Ok(())
            }
        }
    }

    /// Returns true if nothing more is needed from a file. It is false for a file that has ended if its weights
    /// were packed with weights of another file that was begun again: the file has to be passed again.
    pub fn is_complete(&self, path: &str) -> bool {
        match &self.state {
            State::Planned(stream) => stream.is_complete(path),
            State::Complete { .. } if path == ONNX_FILE_ITSELF => self.onnx.is_whole(),
            State::Complete { files, .. } => files.contains_key(path),
        }
    }

    /// Returns the encoder. All weights have arrived.
    ///
    /// # Errors
    /// `MISSING_FILE` if a weight has not arrived, `UNSUPPORTED_OPERATOR` and other errors of
    /// `UnfusedEncoder::load` for a graph without a plan, or `NEEDS_UNFUSED` if the feature `unfused` is off.
    pub fn finish(self) -> Result<Box<dyn Encoder>> {
        let Self { config, options, onnx, outputs, state, .. } = self;
        let encoder = match state {
            State::Planned(stream) => (*stream).finish()?,
            State::Complete { .. } if !onnx.is_whole() => {
                fail!(MissingFile, "the ONNX file was read once; its weights are needed too")
            }
            State::Complete { mut files, retry, .. } => {
                let planning = match retry {
                    true => read_plan(onnx.model.clone(), &files, &config, &options)?.1,
                    false => Planning::Unrecognized,
                };
                if let Planning::Planned(mut stream) = planning {
                    drop(onnx);
                    stream.take_files(&mut files)?;
                    (*stream).finish()?
                } else {
                    load_unfused(onnx, files, &config, &options)?
                }
            }
        };
        if encoder.info().pooled != outputs.pooled {
            // The layers were searched when a constant had not arrived.
            let message = "the graph shows its hidden states only with all weight files: set `pooling`";
            return Err(Error::new(ErrorCode::UnsupportedPooling, message));
        }
        Ok(encoder)
    }
}

/// Loads the graph as it is.
#[cfg(feature = "unfused")]
fn load_unfused(
    onnx: OnnxFile,
    files: BTreeMap<String, Vec<u8>>,
    config: &BertConfig,
    options: &EncoderOptions,
) -> Result<Box<dyn Encoder>> {
    let load = match options.backend {
        #[cfg(feature = "cli")]
        BackendChoice::TractOnnx => UnfusedEncoder::from_tract_onnx,
        _ => UnfusedEncoder::from_file,
    };
    let encoder = load(onnx, files, config, &options.layers, options.outputs)?;
    #[cfg(feature = "gpu")]
    let encoder = match options.gpu {
        Some(_) => {
            encoder.with_fallback("the GPU cannot run this model: its graph is not recognized as a BERT")
        }
        None => encoder,
    };
    Ok(Box::new(encoder))
}

#[cfg(not(feature = "unfused"))]
fn load_unfused(
    _onnx: OnnxFile,
    _files: BTreeMap<String, Vec<u8>>,
    _config: &BertConfig,
    _options: &EncoderOptions,
) -> Result<Box<dyn Encoder>> {
    needs_unfused()?;
    fail!(Internal, "a graph without a plan was let in")
}

/// Rejects a graph without a plan if nothing here can run it.
fn needs_unfused() -> Result<()> {
    if !cfg!(feature = "unfused") {
        fail!(
            NeedsUnfused,
            "this graph runs as it is, because it is not recognized as a BERT or advanced.fused is false; the back end for \
             that is in corom-unfused.wasm"
        );
    }
    Ok(())
}

/// The facts about a graph that are known before its weights have arrived.
enum Planning {
    Planned(Box<WeightStream>),
    /// A part of the graph matches no pattern.
    Unrecognized,
    /// A constant lies in a file that has not arrived.
    ConstantMissing,
}

fn read_plan(
    model: OnnxModel,
    files: &BTreeMap<String, Vec<u8>>,
    config: &BertConfig,
    options: &EncoderOptions,
) -> Result<(OutputShape, Planning)> {
    let mut signature = GraphSignature::find(&model.graph, config, &options.layers, options.outputs)?;
    let shape = |signature: &GraphSignature| OutputShape { pooled: signature.pooled, width: signature.width };
    if options.backend.runs_the_graph() && signature.is_complete() {
        return Ok((shape(&signature), Planning::Unrecognized));
    }
    let graph = match OnnxGraph::from_model(model, files, &signature.outputs) {
        Ok(graph) => graph,
        // The constant of a node lies in a file.
        Err(error) if error.code() == ErrorCode::MissingFile && files.is_empty() => {
            return Ok((shape(&signature), Planning::ConstantMissing));
        }
        Err(error) => return Err(error),
    };
    signature.resolve(&graph, config)?;
    let shape = shape(&signature);
    if options.backend.runs_the_graph() {
        return Ok((shape, Planning::Unrecognized));
    }
    if graph.missing_constant.is_some() {
        return Ok((shape, Planning::ConstantMissing));
    }
    let Some(plan) = recognize(&graph, &signature, config, options.first_rows) else {
        return Ok((shape, Planning::Unrecognized));
    };
    // The matcher recognizes only pooled hidden states.
    let shape = OutputShape { width: shape.width.or(Some(config.hidden_size)), ..shape };
    let facts = ModelFacts {
        config: config.clone(),
        pooled: signature.pooled,
        dtype: graph.dtype(),
        static_sequence: signature.static_shape.sequence,
        fallback: None,
    };
    let builder: Box<dyn PlanBuilder> = match options.backend {
        #[cfg(not(target_arch = "wasm32"))]
        BackendChoice::Reference => Box::new(ReferenceBuilder::new(plan, graph.weights.len(), facts)),
        _ => plan_builder(plan, graph.weights.len(), facts, options, files.is_empty()),
    };
    Ok((shape, Planning::Planned(Box::new(WeightStream::new(graph.weights, builder)))))
}

/// Returns the builder of the GPU encoder if a GPU was requested and can run the plan, otherwise that of the CPU encoder.
/// `is_early`: the weights are still being fetched.
fn plan_builder(
    plan: Plan,
    weights: usize,
    facts: ModelFacts,
    options: &EncoderOptions,
    is_early: bool,
) -> Box<dyn PlanBuilder> {
    #[cfg(feature = "gpu")]
    let facts = match &options.gpu {
        Some(gpu) => match gpu::unsupported(&plan) {
            None => return Box::new(GpuBuilder::new(gpu.clone(), plan, weights, facts, options)),
            Some(reason) => {
                ModelFacts { fallback: Some(format!("the GPU cannot run this model: {reason}")), ..facts }
            }
        },
        None => facts,
    };
    let builder = CpuBuilder::new(plan, weights, facts, options);
    if is_early {
        builder.warm_up();
    }
    Box::new(builder)
}

/// Returns the plan of a graph, if every part of the graph is recognized. An error of the
/// translation is ignored here: the unfused encoder reports it when the weights are there.
fn recognize(
    graph: &OnnxGraph,
    signature: &GraphSignature,
    config: &BertConfig,
    first_rows: bool,
) -> Option<Plan> {
    let expected = ModelSizes::of(config);
    let GraphSignature { outputs, inputs, static_shape, .. } = signature;
    let translated = translate(graph, outputs, inputs, *static_shape, expected).ok()?;
    let plan = match_graph(&translated, expected, first_rows, signature.kind())?;
    // A file that uses the same weights again and again would be packed again and again.
    let stored = graph.weights.iter().map(Weight::elements).fold(0, usize::saturating_add);
    (plan.elements() <= stored.saturating_mul(4).saturating_add(1 << 20)).then_some(plan)
}
