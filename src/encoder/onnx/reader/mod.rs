//! Reads an ONNX file while it arrives.
//!
//! An ONNX file is one protobuf message. Its graph has the nodes first, then the initializers with the weights,
//! then the inputs and outputs. So the graph can be understood only when every weight has passed. The reader
//! keeps everything but the elements of weights, and leaves these out once it has kept
//! [`MAX_KEPT_WEIGHT_BYTES`] of them. The tensor then says where in the file they are, as for external data, and
//! the host passes the file a second time.
//!
//! ```text
//! Model ─ graph ─▶ Graph ─ node ─▶ Node ─ attribute ─▶ Attribute ─ t ─▶ Tensor ─ raw_data, float_data ─▶ left out
//!                    └── initializer ──────────────────────────────────▶ Tensor
//! ```
//!
//! The messages in this picture are opened; every other field goes to prost as it is. No memory is reserved
//! for a length that the file states before its bytes arrive.

mod message;
mod varint;
mod whole;

use prost::encoding::encode_varint;

use super::onnx_file::OnnxFile;
use super::onnx_model::{OnnxModel, is_text};
use super::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use super::skipped::Skipping;
use crate::error::{Error, ErrorCode, Result, fail};
use crate::sniff;
use message::{Kind, Open, Payload, Target, decode};
use varint::Varint;
pub use whole::external_files;

/// The bytes of weights that are kept before others are left out: a small file is read once.
pub const MAX_KEPT_WEIGHT_BYTES: u64 = 1 << 20;

/// The wire types of protobuf, without groups, which ONNX does not use.
mod wire {
    pub(super) const VARINT: u64 = 0;
    pub(super) const FIXED64: u64 = 1;
    pub(super) const LENGTH: u64 = 2;
    pub(super) const FIXED32: u64 = 5;
}

/// An ONNX file that is arriving.
///
/// ```
/// use corom::encoder::onnx::OnnxReader;
///
/// let mut reader = OnnxReader::new();
/// assert!(reader.write(b"<html>").is_err());
/// ```
#[derive(Debug)]
pub struct OnnxReader {
    /// The first bytes, which show whether the file is text.
    head: Vec<u8>,
    position: u64,
    state: State,
    /// The messages that have begun and not ended, the outermost first.
    open: Vec<Open>,
    graph: Option<GraphParts>,
    /// The bytes of weights that may still be kept.
    budget: u64,
    skipping: Skipping,
}

/// The kind of the next byte.
#[derive(Debug)]
enum State {
    /// A byte of a field's number and wire type.
    Key(Varint),
    /// A byte of an integer.
    Integer(Varint),
    /// A byte of the length of a field.
    Length { field: u32, varint: Varint },
    /// One of the `left` bytes of a field.
    Content { left: u64, target: Target },
}

/// The parts of the graph so far.
#[derive(Debug, Default)]
struct GraphParts {
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    /// The encoded other fields.
    own: Vec<u8>,
}

impl Default for OnnxReader {
    fn default() -> Self {
        Self::new()
    }
}

impl OnnxReader {
    /// Makes a reader that leaves out weights once it has kept [`MAX_KEPT_WEIGHT_BYTES`] of them.
    pub fn new() -> Self {
        Self::keeping(MAX_KEPT_WEIGHT_BYTES)
    }

    /// Makes a reader that leaves out weights once it has kept `max_weight_bytes` of them. With `u64::MAX` it
    /// keeps the whole file.
    pub fn keeping(max_weight_bytes: u64) -> Self {
        Self {
            head: Vec::new(),
            position: 0,
            state: State::Key(Varint::default()),
            open: vec![Open::new(Kind::Model, u64::MAX)],
            graph: None,
            budget: max_weight_bytes,
            skipping: Skipping::default(),
        }
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// `NOT_A_MODEL` for text, `INVALID_MODEL` for other bytes that are not an ONNX file, `OUT_OF_MEMORY`.
    /// The reader is of no use then.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let head = bytes.len().min(sniff::HEAD_BYTES - self.head.len());
        self.head.extend_from_slice(&bytes[..head]);
        self.parse(bytes).map_err(|error| self.text_or(error))
    }

    /// Returns the file. All its bytes were passed.
    ///
    /// # Errors
    /// The errors of [`write`](Self::write), and `UNSUPPORTED_MODEL` for a version of the operator set that is not
    /// supported.
    pub fn finish(mut self) -> Result<OnnxFile> {
        let at_end = matches!(&self.state, State::Key(key) if key.is_empty()) && self.open.len() == 1;
        let model = match self.open.pop() {
            Some(model) if at_end => self.model(&model.own),
            _ => Err(Error::new(ErrorCode::InvalidModel, "the ONNX file is truncated")),
        };
        let model = model.map_err(|error| self.text_or(error))?;
        Ok(OnnxFile::new(model, self.skipping.finish(self.position)))
    }

    fn model(&mut self, own: &[u8]) -> Result<OnnxModel> {
        let mut model: ModelProto = decode(own)?;
        if let Some(GraphParts { nodes, initializers, own }) = self.graph.take() {
            let graph: GraphProto = decode(&own)?;
            model.graph = Some(GraphProto { node: nodes, initializer: initializers, ..graph });
        }
        OnnxModel::new(model)
    }

    /// Returns the error for a text if the file is one, and `error` otherwise.
    fn text_or(&self, error: Error) -> Error {
        if is_text(&self.head) {
            return Error::new(ErrorCode::NotAModel, "the ONNX file is a web page or another text");
        }
        error
    }

    fn parse(&mut self, mut bytes: &[u8]) -> Result<()> {
        while let Some(first) = bytes.first() {
            let used = match self.state {
                State::Content { left, target } => {
                    let count = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    self.content(target, &bytes[..count])?;
                    let left = left - count as u64;
                    self.state = match left {
                        0 => State::Key(Varint::default()),
                        left => State::Content { left, target },
                    };
                    count
                }
                _ => {
                    self.skipping.keep(&bytes[..1]);
                    self.header(*first)?;
                    1
                }
            };
            bytes = &bytes[used..];
            self.position += used as u64;
            self.close_messages()?;
        }
        Ok(())
    }

    /// Returns the innermost open message.
    fn message(&mut self) -> Result<&mut Open> {
        match self.open.last_mut() {
            Some(open) => Ok(open),
            None => fail!(Internal, "the ONNX reader has no open message"),
        }
    }

    /// Takes a byte of a field's number, an integer or a length.
    fn header(&mut self, byte: u8) -> Result<()> {
        match &mut self.state {
            State::Key(varint) => {
                if let Some(key) = varint.push(byte)? {
                    self.begin_field(key)?;
                }
            }
            State::Integer(varint) => {
                if let Some(value) = varint.push(byte)? {
                    encode_varint(value, &mut self.message()?.own);
                    self.state = State::Key(Varint::default());
                }
            }
            State::Length { field, varint } => {
                let field = *field;
                if let Some(size) = varint.push(byte)? {
                    self.begin_content(field, size)?;
                }
            }
            State::Content { .. } => fail!(Internal, "the ONNX reader takes content for a header"),
        }
        Ok(())
    }

    /// Begins a field, whose number and wire type are in `key`.
    fn begin_field(&mut self, key: u64) -> Result<()> {
        let (Ok(field @ 1..), wire_type) = (u32::try_from(key >> 3), key & 7) else {
            fail!(InvalidModel, "the ONNX file is damaged: no field has the number {}", key >> 3);
        };
        if wire_type == wire::LENGTH {
            self.state = State::Length { field, varint: Varint::default() };
            return Ok(());
        }
        let (left, target) = match wire_type {
            wire::VARINT => (0, Target::Own),
            wire::FIXED64 => (8, Target::Own),
            wire::FIXED32 => (4, Target::Own),
            _ => fail!(InvalidModel, "the ONNX file is damaged: a field has the wire type {wire_type}"),
        };
        encode_varint(key, &mut self.message()?.own);
        self.state = match left {
            0 => State::Integer(Varint::default()),
            left => State::Content { left, target },
        };
        Ok(())
    }

    /// Begins the content of a field of `size` bytes, whose last header byte is the current one.
    fn begin_content(&mut self, field: u32, size: u64) -> Result<()> {
        let offset = self.position + 1;
        let mut budget = self.budget;
        let message = self.message()?;
        let end = match offset.checked_add(size) {
            Some(end) if end <= message.end => end,
            _ => fail!(
                InvalidModel,
                "the ONNX file is damaged: a field is longer than the message that has it"
            ),
        };
        self.state = State::Key(Varint::default());
        let message = self.message()?;
        if let Some(kind) = message.kind.child(field) {
            if kind == Kind::Graph {
                self.graph.get_or_insert_default();
            }
            self.open.push(Open::new(kind, end));
            return Ok(());
        }
        let target = message.target(field, offset, size, &mut budget)?;
        match target {
            Target::Own => {
                encode_varint(u64::from(field) << 3 | wire::LENGTH, &mut message.own);
                encode_varint(size, &mut message.own);
            }
            Target::Payload => {}
            Target::Skip => self.skipping.skip(offset..end),
        }
        self.budget = budget;
        if size > 0 {
            self.state = State::Content { left: size, target };
        }
        Ok(())
    }

    /// Takes bytes of a field's content.
    fn content(&mut self, target: Target, bytes: &[u8]) -> Result<()> {
        if target != Target::Skip {
            self.skipping.keep(bytes);
        }
        let message = self.message()?;
        let kept = match (target, &mut message.payload) {
            (Target::Skip, _) => return Ok(()),
            (Target::Payload, Payload::Kept(payload)) => payload,
            _ => &mut message.own,
        };
        if kept.try_reserve(bytes.len()).is_err() {
            fail!(OutOfMemory, "cannot reserve memory for the ONNX file after {} bytes", self.position);
        }
        kept.extend_from_slice(bytes);
        Ok(())
    }

    /// Closes the messages that end at the current position.
    fn close_messages(&mut self) -> Result<()> {
        while let Some(message) = self.open.last()
            && self.position >= message.end
        {
            let at_end = matches!(&self.state, State::Key(key) if key.is_empty());
            if !at_end || self.position > message.end {
                fail!(InvalidModel, "the ONNX file is damaged: a message ends inside of a field");
            }
            if let Some(message) = self.open.pop() {
                self.close(message)?;
            }
        }
        Ok(())
    }

    /// Hands a message that has ended to the message around it.
    fn close(&mut self, mut message: Open) -> Result<()> {
        let graph = self.graph.get_or_insert_default();
        match message.kind {
            Kind::Model => {}
            Kind::Graph => graph.own.append(&mut message.own),
            Kind::Node => {
                let node: NodeProto = message.decode()?;
                graph.nodes.push(NodeProto { attribute: message.attributes, ..node });
            }
            Kind::Attribute => {
                let attribute: AttributeProto = message.decode()?;
                let attribute = AttributeProto { t: message.tensor, ..attribute };
                self.message()?.attributes.push(attribute);
            }
            Kind::Tensor => {
                let tensor = message.into_tensor()?;
                match self.message()? {
                    parent if parent.kind == Kind::Graph => {
                        self.graph.get_or_insert_default().initializers.push(tensor);
                    }
                    parent if parent.tensor.is_none() => parent.tensor = Some(tensor),
                    _ => fail!(InvalidModel, "the ONNX file is damaged: an attribute has two tensors"),
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
