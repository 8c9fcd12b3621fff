//! Bytes → `ModelProto`, with the checks that need no look at the graph.

use super::pb::{GraphProto, ModelProto, TensorProto};
use prost::Message;

use crate::error::{Error, ErrorCode, Result, fail};

/// The opsets whose operators the registry knows how to read.
const SUPPORTED_OPSETS: std::ops::RangeInclusive<i64> = 9..=23;
/// More nodes than any BERT export has (a 24-layer one has about 5,000).
const MAX_NODES: usize = 30_000;

/// A decoded file: its graph and the version of the default operator set.
pub(crate) struct OnnxModel {
    pub(crate) graph: GraphProto,
    pub(crate) opset: i64,
}

impl OnnxModel {
    /// Decodes a file and checks its head.
    ///
    /// # Errors
    /// `NOT_A_MODEL` for a web page; `INVALID_MODEL` for anything else that is no
    /// ONNX file; `UNSUPPORTED_MODEL` for an operator set out of our range.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        if looks_like_a_page(bytes) {
            fail!(NotAModel, "this is a web page or a text, not an ONNX file");
        }
        let proto = ModelProto::decode(bytes).map_err(|e| {
            Error::with_source(ErrorCode::InvalidModel, format!("the ONNX file is corrupt: {e}"), e)
        })?;
        let Some(graph) = proto.graph else {
            fail!(InvalidModel, "the ONNX file holds no graph: it is truncated or something else");
        };
        if graph.node.is_empty() || graph.output.is_empty() {
            fail!(InvalidModel, "the ONNX file's graph has no nodes or no outputs: it is truncated");
        }
        if graph.node.len() > MAX_NODES {
            fail!(InvalidModel, "the ONNX file's graph has {} nodes", graph.node.len());
        }
        let opset = proto.opset_import.iter().find(|o| matches!(o.domain.as_str(), "" | "ai.onnx"));
        let Some(opset) = opset.map(|o| o.version) else {
            fail!(InvalidModel, "the ONNX file does not say which operator set it uses");
        };
        if !SUPPORTED_OPSETS.contains(&opset) {
            fail!(
                UnsupportedModel,
                "the ONNX file uses operator set {opset}; {} to {} are supported",
                SUPPORTED_OPSETS.start(),
                SUPPORTED_OPSETS.end()
            );
        }
        Ok(Self { graph, opset })
    }

    /// Every tensor that the file stores, in the file's order: initialisers, then
    /// the nodes' tensor attributes.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = &TensorProto> {
        let attributes = self.graph.node.iter().flat_map(|n| &n.attribute).filter_map(|a| a.t.as_ref());
        self.graph.initializer.iter().chain(attributes)
    }
}

/// Servers answer a missing file with a page and status 200 often enough to say so.
fn looks_like_a_page(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(256)).unwrap_or_default();
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    text.starts_with(b"<")
        || text.starts_with(b"{")
        || text.starts_with(b"version https://git-lfs")
        || text.starts_with(b"404")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(bytes: &[u8]) -> ErrorCode {
        OnnxModel::parse(bytes).err().expect("an error").code()
    }

    #[test]
    fn what_is_no_model_is_named() {
        assert_eq!(code(b"<!doctype html><html>"), ErrorCode::NotAModel);
        assert_eq!(code(b"\n  {\"error\": \"not found\"}"), ErrorCode::NotAModel);
        assert_eq!(code(b"version https://git-lfs.github.com/spec/v1"), ErrorCode::NotAModel);
        assert_eq!(code(b""), ErrorCode::InvalidModel);
        assert_eq!(code(b"\x08\x07"), ErrorCode::InvalidModel);
        assert_eq!(code(&[0xff; 64]), ErrorCode::InvalidModel);
    }
}
