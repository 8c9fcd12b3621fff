//! The messages of an ONNX file that the reader opens, and what it makes of them when they end.
//!
//! A message's own fields are decoded by prost when the message ends. Fields that the reader opens (the nodes
//! and initializers of a graph, the attributes of a node, the tensor of an attribute, the elements of a tensor)
//! are taken out before.

use bytes::Bytes;
use prost::Message;

use crate::encoder::onnx::external::SKIPPED_LOCATION;
use crate::encoder::onnx::pb::{AttributeProto, DataLocation, DataType, StringStringEntryProto, TensorProto};
use crate::encoder::onnx::tensor_info;
use crate::encoder::onnx::weight::is_deferred;
use crate::error::{Error, ErrorCode, Result, fail};

/// Field number of `TensorProto.float_data`.
const FLOAT_DATA: u32 = 4;
/// Field number of `TensorProto.raw_data`.
const RAW_DATA: u32 = 9;

/// The kind of a message that the reader opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
}

impl Kind {
    /// Returns the kind of the message in a field, if the reader opens it.
    pub(super) fn child(self, field: u32) -> Option<Self> {
        match (self, field) {
            (Self::Model, 7) => Some(Self::Graph),
            (Self::Graph, 1) => Some(Self::Node),
            (Self::Graph | Self::Attribute, 5) => Some(Self::Tensor),
            (Self::Node, 5) => Some(Self::Attribute),
            _ => None,
        }
    }
}

/// The elements of a tensor, which are taken out of its message.
#[derive(Debug, Default)]
pub(super) enum Payload {
    /// None so far, or in the message's own fields.
    #[default]
    Absent,
    /// `raw_data`.
    Kept(Vec<u8>),
    /// Left out: the bytes at this offset of the file.
    Skipped { offset: u64, size: u64 },
}

/// The treatment of a field's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// It goes to the fields that prost decodes.
    Own,
    /// It is `raw_data`, which is kept.
    Payload,
    /// It is left out.
    Skip,
}

/// A message that has begun and not ended.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) kind: Kind,
    /// The offset of the first byte behind the message.
    pub(super) end: u64,
    /// The encoded fields that prost decodes.
    pub(super) own: Vec<u8>,
    /// The attributes of a node.
    pub(super) attributes: Vec<AttributeProto>,
    /// The tensor of an attribute.
    pub(super) tensor: Option<TensorProto>,
    pub(super) payload: Payload,
}

impl Open {
    pub(super) fn new(kind: Kind, end: u64) -> Self {
        Self { kind, end, own: Vec::new(), attributes: Vec::new(), tensor: None, payload: Payload::default() }
    }

    /// Decodes the message's own fields.
    ///
    /// # Errors
    /// `INVALID_MODEL`.
    pub(super) fn decode<T: Message + Default>(&self) -> Result<T> {
        decode(&self.own)
    }

    /// Decides what happens to the `size` bytes of a field. `budget` is the number of bytes of weights that may
    /// still be kept; what is kept is subtracted.
    ///
    /// # Errors
    /// `INVALID_MODEL` if the tensor has elements twice.
    pub(super) fn target(&mut self, field: u32, offset: u64, size: u64, budget: &mut u64) -> Result<Target> {
        if self.kind != Kind::Tensor || !matches!(field, FLOAT_DATA | RAW_DATA) {
            return Ok(Target::Own);
        }
        if matches!(self.payload, Payload::Skipped { .. }) {
            fail!(InvalidModel, "the ONNX file is damaged: it has the elements of a tensor twice");
        }
        if self.may_skip(field, size)? {
            if size > *budget {
                self.payload = Payload::Skipped { offset, size };
                return Ok(Target::Skip);
            }
            *budget -= size;
        }
        if field == RAW_DATA {
            self.payload = Payload::Kept(Vec::new());
            return Ok(Target::Payload);
        }
        Ok(Target::Own)
    }

    /// Returns true if a field of `size` bytes is the stored elements of a weight that is not needed to
    /// understand the graph. Writers put type and shape first; without them the answer is no.
    fn may_skip(&self, field: u32, size: u64) -> Result<bool> {
        let tensor: TensorProto = self.decode()?;
        let is_stored = match field {
            RAW_DATA => true,
            _ => tensor.data_type == DataType::Float as i32 && tensor.float_data.is_empty(),
        };
        // An invalid shape is reported when the graph is checked.
        let is_whole = || tensor_info::byte_size(&tensor).is_ok_and(|expected| expected == size);
        Ok(is_stored && is_deferred(&tensor) && is_whole())
    }

    /// Returns the tensor of a message that has ended.
    ///
    /// # Errors
    /// `INVALID_MODEL`.
    pub(super) fn into_tensor(self) -> Result<TensorProto> {
        let mut tensor: TensorProto = decode(&self.own)?;
        if tensor.data_location == Some(SKIPPED_LOCATION) {
            fail!(InvalidModel, "tensor `{}` has an unknown data location", tensor.name);
        }
        match self.payload {
            Payload::Absent => {}
            Payload::Kept(bytes) => tensor.raw_data = Bytes::from(bytes),
            // External data takes precedence, as for tensors whose elements are kept.
            Payload::Skipped { .. } if tensor.data_location == Some(DataLocation::External as i32) => {}
            Payload::Skipped { offset, size } => {
                let entry = |key: &str, value: u64| StringStringEntryProto {
                    key: key.to_owned(),
                    value: value.to_string(),
                };
                tensor.data_location = Some(SKIPPED_LOCATION);
                tensor.external_data = vec![entry("offset", offset), entry("length", size)];
            }
        }
        Ok(tensor)
    }
}

/// Decodes a message.
///
/// # Errors
/// `INVALID_MODEL`.
pub(super) fn decode<T: Message + Default>(bytes: &[u8]) -> Result<T> {
    T::decode(bytes)
        .map_err(|e| Error::with_source(ErrorCode::InvalidModel, format!("the ONNX file is damaged: {e}"), e))
}
