//! A decoded ONNX file, and the checks that do not need the graph's nodes.

use super::pb::{GraphProto, ModelProto, TensorProto};

use crate::error::{Result, fail};
use crate::sniff;

/// The versions of the default operator set that the translators support.
const SUPPORTED_OPSETS: std::ops::RangeInclusive<i64> = 7..=24;
/// The most nodes of a graph. A BERT of 24 layers has about 5,000.
const MAX_NODES: usize = 30_000;

/// A decoded ONNX file: the graph and the version of the default operator set. Copies share the weights.
#[derive(Debug, Clone)]
pub(crate) struct OnnxModel {
    pub(crate) graph: GraphProto,
    pub(crate) opset: i64,
}

impl OnnxModel {
    /// Checks the header of a decoded file.
    ///
    /// # Errors
    /// `INVALID_MODEL` for a file without a graph, `UNSUPPORTED_MODEL` for a version of the operator set that is
    /// not supported.
    pub(super) fn new(proto: ModelProto) -> Result<Self> {
        let Some(graph) = proto.graph else {
            fail!(InvalidModel, "the ONNX file has no graph: it is truncated, or not an ONNX file");
        };
        if graph.node.is_empty() || graph.output.is_empty() {
            fail!(
                InvalidModel,
                "the graph of the ONNX file has no nodes or no outputs: the file is truncated"
            );
        }
        if graph.node.len() > MAX_NODES {
            fail!(
                InvalidModel,
                "the graph of the ONNX file has {} nodes; at most {MAX_NODES} are supported",
                graph.node.len()
            );
        }
        let mut opsets = proto.opset_import.iter().filter(|o| matches!(o.domain.as_str(), "" | "ai.onnx"));
        let Some(opset) = opsets.next().map(|o| o.version) else {
            fail!(
                InvalidModel,
                "the ONNX file does not state the version of its operator set (opset_import)"
            );
        };
        if let Some(other) = opsets.find(|o| o.version != opset) {
            fail!(
                InvalidModel,
                "the ONNX file states two versions of its operator set, {opset} and {}; a node may mean another thing in \
                 each",
                other.version
            );
        }
        if !SUPPORTED_OPSETS.contains(&opset) {
            fail!(
                UnsupportedModel,
                "the ONNX file uses version {opset} of the operator set; versions {} to {} are supported",
                SUPPORTED_OPSETS.start(),
                SUPPORTED_OPSETS.end()
            );
        }
        Ok(Self { graph, opset })
    }

    /// Drops the graph, once a plan was made of it.
    pub(crate) fn drop_graph(&mut self) {
        self.graph = GraphProto::default();
    }

    /// Returns every tensor in the file: initializers, then tensor attributes of nodes.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = &TensorProto> {
        let attributes = self.graph.node.iter().flat_map(|n| &n.attribute).filter_map(|a| a.t.as_ref());
        self.graph.initializer.iter().chain(attributes)
    }

    /// Returns the tensors of [`tensors`](Self::tensors) to change them.
    #[cfg(feature = "convert")]
    pub(super) fn tensors_mut(&mut self) -> impl Iterator<Item = &mut TensorProto> {
        let attributes =
            self.graph.node.iter_mut().flat_map(|n| &mut n.attribute).filter_map(|a| a.t.as_mut());
        self.graph.initializer.iter_mut().chain(attributes)
    }
}

/// Returns true if the bytes are text: often a web page that a server sent with status 200 instead of an
/// error. This is broader than [`sniff::is_page`], because no ONNX file begins with such text.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    let head = sniff::text_head(bytes);
    sniff::is_lfs_pointer(head) || [&b"<"[..], b"{", b"404"].iter().any(|text| head.starts_with(text))
}

#[cfg(test)]
mod tests {
    use crate::encoder::onnx::OnnxFile;
    use crate::error::ErrorCode;

    fn code(bytes: &[u8]) -> ErrorCode {
        OnnxFile::parse(bytes).map(|_| ()).expect_err("an error").code()
    }

    #[test]
    fn parse_rejects_bytes_that_are_not_a_model() {
        assert_eq!(code(b"<!doctype html><html>"), ErrorCode::NotAModel);
        assert_eq!(code(b"\n  {\"error\": \"not found\"}"), ErrorCode::NotAModel);
        assert_eq!(code(b"version https://git-lfs.github.com/spec/v1"), ErrorCode::NotAModel);
        assert_eq!(code(b""), ErrorCode::InvalidModel);
        assert_eq!(code(b"\x08\x07"), ErrorCode::InvalidModel);
        assert_eq!(code(&[0xff; 64]), ErrorCode::InvalidModel);
    }
}
