//! Runs a batch through the CPU encoder.

use std::sync::Arc;
use std::task::Poll;

use tract_core::prelude::*;

use super::kernels::linear::Kernel;
use super::tract_ops::Shared;
use crate::batch::Batch;
use crate::config::BertConfig;
use crate::encoder::check::check;
use crate::encoder::{Encoder, EncoderInfo, EncoderOutput, Tolerance};
use crate::error::{Error, ErrorCode, Result, fail};

/// Returns the self-test's tolerance for a kernel. Exact kernels reach a cosine of 0.9996 with integers and
/// 0.999999 in f32; the 7-bit activations of relaxed kernels reach 0.999 on a real model. The vector
/// of another text can still have 0.95.
pub(super) fn tolerance(kernel: Kernel, precision: &str) -> Tolerance {
    let (min_cosine, kernels) = if kernel.is_relaxed() { (0.99, "relaxed") } else { (0.999, "exact") };
    Tolerance { min_cosine, max_norm_error: 0.02, kernels: (precision != "f32").then_some(kernels) }
}

/// A BERT encoder whose fused ops run on the CPU. Padding is never computed, so the vector of a text
/// does not depend on the other texts of its batch.
#[derive(Debug)]
pub(super) struct CpuEncoder {
    graph: Arc<TypedRunnableModel>,
    shared: Shared,
    info: EncoderInfo,
    config: BertConfig,
    /// True if the output is one row per text.
    pooled: bool,
    output: Option<EncoderOutput>,
}

impl CpuEncoder {
    pub(super) fn new(
        graph: Arc<TypedRunnableModel>,
        shared: Shared,
        info: EncoderInfo,
        config: BertConfig,
        pooled: bool,
    ) -> Self {
        Self { graph, shared, info, config, pooled, output: None }
    }
}

impl Encoder for CpuEncoder {
    fn info(&self) -> &EncoderInfo {
        &self.info
    }

    fn begin(&mut self, batch: &Batch) -> Result<()> {
        self.output = None;
        check(batch, &self.config, self.info.max_tokens)?;
        let failed = |e: TractError| {
            let message = format!("the fused encoder failed: {}", e.root_cause());
            Error::with_source(ErrorCode::Internal, message, e)
        };
        let inputs = [&batch.input_ids, &batch.token_type_ids, &batch.cu_seqlens];
        let inputs = inputs.into_iter().map(|list| tensor1(list).into_tvalue()).collect();
        let outputs = self.graph.run(inputs).map_err(failed)?;
        let kernel = self.shared.kernel().map_err(failed)?;
        (self.info.kernel, self.info.tolerance) = (kernel.name(), tolerance(kernel, self.info.precision));
        let floats = |t: TValue| Ok(t.try_as_plain_ram()?.as_slice::<f32>()?.to_vec());
        let mut rows: Vec<Vec<f32>> =
            outputs.into_iter().map(floats).collect::<TractResult<_>>().map_err(failed)?;
        self.output = Some(if self.pooled {
            EncoderOutput::Pooled(rows.pop().unwrap_or_default())
        } else {
            EncoderOutput::Hidden(rows)
        });
        Ok(())
    }

    fn poll(&mut self) -> Result<Poll<EncoderOutput>> {
        match self.output.take() {
            Some(output) => Ok(Poll::Ready(output)),
            None => fail!(Internal, "no batch is running"),
        }
    }
}
