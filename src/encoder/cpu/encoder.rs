//! Runs a batch through the CPU encoder.

use std::sync::Arc;
use std::task::Poll;

use super::kernels::Scratch;
use super::kernels::linear::{Autotuner, Kernel};
use super::packed_op::{Run, Step};
use crate::batch::Batch;
use crate::config::BertConfig;
use crate::encoder::check::check;
use crate::encoder::plan::Outputs;
use crate::encoder::{Encoder, EncoderInfo, EncoderOutput, Tolerance};
use crate::error::{Result, fail};

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
    /// The ops with their weights, which forks share.
    steps: Arc<Vec<Step>>,
    outputs: Outputs,
    scratch: Scratch,
    autotuner: Autotuner,
    info: EncoderInfo,
    config: BertConfig,
    output: Option<EncoderOutput>,
}

impl CpuEncoder {
    pub(super) fn new(
        steps: Vec<Step>,
        outputs: Outputs,
        autotuner: Autotuner,
        info: EncoderInfo,
        config: BertConfig,
    ) -> Self {
        let steps = Arc::new(steps);
        Self { steps, outputs, scratch: Scratch::new(), autotuner, info, config, output: None }
    }
}

impl Encoder for CpuEncoder {
    fn info(&self) -> &EncoderInfo {
        &self.info
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn fork(&self) -> Box<dyn Encoder> {
        Box::new(Self {
            steps: Arc::clone(&self.steps),
            outputs: self.outputs.clone(),
            scratch: Scratch::new(),
            autotuner: self.autotuner.clone(),
            info: self.info.clone(),
            config: self.config.clone(),
            output: None,
        })
    }

    fn begin(&mut self, batch: &Batch) -> Result<()> {
        self.output = None;
        check(batch, &self.config, self.info.max_tokens)?;
        let mut run = Run::new(batch, &mut self.scratch, &mut self.autotuner);
        for step in self.steps.iter() {
            run.step(step)?;
        }
        self.output = Some(match &self.outputs {
            Outputs::Hidden(layers) => {
                // A layer that is requested twice is copied.
                let last = |i: usize| !layers[i + 1..].contains(&layers[i]);
                EncoderOutput::Hidden(
                    (0..layers.len()).map(|i| run.result(layers[i], last(i))).collect::<Result<_>>()?,
                )
            }
            Outputs::Pooled(id) => EncoderOutput::Pooled(run.result(*id, true)?),
            Outputs::Scores { value, .. } => EncoderOutput::Scores(run.result(*value, true)?),
        });
        let kernel = self.autotuner.kernel();
        (self.info.kernel, self.info.tolerance) = (kernel.name(), tolerance(kernel, self.info.precision));
        Ok(())
    }

    fn poll(&mut self) -> Result<Poll<EncoderOutput>> {
        match self.output.take() {
            Some(output) => Ok(Poll::Ready(output)),
            None => fail!(Internal, "no batch is running"),
        }
    }
}
