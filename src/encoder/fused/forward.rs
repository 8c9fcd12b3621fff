//! One batch through the fused graph.

use tract_core::prelude::*;

use super::assemble::Runnable;
use super::ops::Shared;
use crate::batch::Batch;
use crate::config::BertConfig;
use crate::encoder::check::check;
use crate::encoder::{Encoder, EncoderInfo, EncoderOutput};
use crate::error::{Error, ErrorCode, Result};

/// A BERT encoder of fused ops. Only real tokens are computed, so a text's vector does not depend
/// on its company.
#[derive(Debug)]
pub struct FusedEncoder {
    graph: Arc<TypedRunnableModel>,
    shared: Shared,
    info: EncoderInfo,
    config: BertConfig,
    first_rows: bool,
}

impl FusedEncoder {
    pub(super) fn new(runnable: Runnable, info: EncoderInfo, config: BertConfig, first_rows: bool) -> Self {
        Self { graph: runnable.graph, shared: runnable.shared, info, config, first_rows }
    }

    /// How often each op is in the graph, by name.
    pub fn ops(&self) -> std::collections::BTreeMap<String, usize> {
        let mut ops = std::collections::BTreeMap::new();
        for node in self.graph.model().nodes() {
            *ops.entry(node.op.name().into_owned()).or_default() += 1;
        }
        ops
    }
}

impl Encoder for FusedEncoder {
    fn info(&self) -> &EncoderInfo {
        &self.info
    }

    /// # Errors
    /// `TOKEN_ID_OUT_OF_RANGE` for a token id beyond the vocabulary or a token
    /// type beyond the types; `INVALID_ARGUMENT` for a batch that contradicts
    /// itself or has more tokens a text than the model has positions.
    fn forward(&mut self, batch: &Batch) -> Result<EncoderOutput> {
        check(batch, &self.config, self.info.static_sequence)?;
        let mut cu_seqlens: Vec<i64> = vec![0];
        let (mut ids, mut types) = (Vec::new(), Vec::new());
        for (row, &length) in batch.lengths.iter().enumerate() {
            let tokens = row * batch.sequence..row * batch.sequence + length;
            ids.extend_from_slice(&batch.input_ids[tokens.clone()]);
            types.extend_from_slice(&batch.token_type_ids[tokens]);
            cu_seqlens.push(ids.len() as i64);
        }
        let failed = |e: TractError| {
            let message = format!("the fused graph failed while running: {}", e.root_cause());
            Error::with_source(ErrorCode::Internal, message, e)
        };
        let inputs = [tensor1(&ids), tensor1(&types), tensor1(&cu_seqlens)];
        let outputs =
            self.graph.run(inputs.into_iter().map(IntoTValue::into_tvalue).collect()).map_err(failed)?;
        self.info.kernel = self.shared.kernel().map_err(failed)?.name();
        let floats = |t: TValue| Ok(t.try_as_plain_ram()?.as_slice::<f32>()?.to_vec());
        let mut rows: Vec<Vec<f32>> =
            outputs.into_iter().map(floats).collect::<TractResult<_>>().map_err(failed)?;
        if self.first_rows {
            return Ok(EncoderOutput::Pooled(rows.pop().unwrap_or_default()));
        }
        Ok(EncoderOutput::Hidden(rows))
    }
}
