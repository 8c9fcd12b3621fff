//! The steps from the output of an encoder to vectors: pooling, head and normalization.

use crate::config::PoolingChoice;
use crate::encoder::{EncoderInfo, EncoderOutput};
use crate::error::{Error, ErrorCode, Result, fail};
use crate::head::Head;
use crate::l2::l2_normalize;
use crate::pooling::{concatenate, pool_after};

/// The steps from an encoder's output to the vectors of texts.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorRecipe {
    /// The pooling.
    pub pooling: PoolingChoice,
    /// The modules after the pooling.
    pub head: Head,
    /// True if vectors are L2-normalized at the end.
    pub normalize: bool,
}

/// The hidden states that an encoder returns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HiddenShape<'a> {
    /// The layers, in the encoder's order.
    pub(crate) layers: &'a [usize],
    /// The number of layers of the model.
    pub(crate) num_hidden_layers: usize,
    /// Numbers per hidden state.
    pub(crate) hidden_size: usize,
}

impl VectorRecipe {
    /// Makes the recipe without a head: poolings of hidden states with `hidden_size` numbers each, or a
    /// graph's sentence vector of that size.
    ///
    /// ```
    /// use corom::VectorRecipe;
    /// use corom::config::Pooling;
    ///
    /// let recipe = VectorRecipe::without_head(Pooling::Mean.into(), 768, true);
    /// assert_eq!(recipe.dimension(), 768);
    /// ```
    pub fn without_head(pooling: PoolingChoice, hidden_size: usize, normalize: bool) -> Self {
        let width = pooled_width(&pooling, hidden_size);
        Self { pooling, head: Head::empty(width), normalize }
    }

    /// Returns the number of elements of a vector.
    pub fn dimension(&self) -> usize {
        self.head.outputs()
    }

    /// Computes the vectors of a batch, `[texts, dimension]`. `lengths` has the number of tokens per text;
    /// the pooling leaves out the first `skipped` of them.
    ///
    /// # Errors
    /// `INTERNAL` if the output does not have the expected size, `INVALID_MODEL` if a vector is not finite.
    pub(crate) fn vectors(
        &self,
        output: EncoderOutput,
        lengths: &[usize],
        skipped: usize,
        shape: HiddenShape,
    ) -> Result<Vec<f32>> {
        let pooled = match output {
            EncoderOutput::Pooled(vectors) | EncoderOutput::Scores(vectors) => vectors,
            EncoderOutput::Hidden(layers) => self.pool(&layers, lengths, skipped, shape)?,
        };
        if pooled.len() != lengths.len() * self.head.inputs() {
            fail!(Internal, "the encoder returned {} numbers for {} texts", pooled.len(), lengths.len());
        }
        let mut vectors = self.head.run(pooled);
        if let Some(bad) = vectors.iter().find(|x| !x.is_finite()) {
            fail!(InvalidModel, "the model returns {bad} for this text: its weights are damaged");
        }
        if self.normalize {
            l2_normalize(&mut vectors, self.dimension());
        }
        Ok(vectors)
    }

    fn pool(
        &self,
        layers: &[Vec<f32>],
        lengths: &[usize],
        skipped: usize,
        shape: HiddenShape,
    ) -> Result<Vec<f32>> {
        let tokens: usize = lengths.iter().sum();
        let mut parts = Vec::with_capacity(self.pooling.poolings().len());
        for pooling in self.pooling.poolings() {
            let mut chosen: Vec<&[f32]> = Vec::new();
            for layer in pooling.layers(shape.num_hidden_layers) {
                let position = shape.layers.iter().position(|l| *l == layer);
                match position.and_then(|position| layers.get(position)) {
                    Some(layer) if layer.len() == tokens * shape.hidden_size => chosen.push(layer),
                    _ => fail!(Internal, "the encoder returned other hidden states than requested"),
                }
            }
            parts.push(pool_after(*pooling, &chosen, lengths, skipped, shape.hidden_size));
        }
        Ok(concatenate(parts, shape.hidden_size))
    }

    /// Checks that the encoder returns every row that the pooling reads.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the encoder returns first rows only and the pooling is not CLS.
    pub(crate) fn check_rows(&self, info: &EncoderInfo) -> Result<()> {
        if info.first_rows && !self.pooling.is_cls() {
            fail!(
                InvalidArgument,
                "first_rows: pooling `{}` reads every token, and the encoder was loaded with the first token of each \
                 text only; expected the pooling `cls`",
                self.pooling
            );
        }
        Ok(())
    }

    /// Checks that the encoder returns every layer that the pooling reads.
    ///
    /// # Errors
    /// `UNSUPPORTED_POOLING` if a layer is missing.
    pub(crate) fn check_layers(&self, shape: HiddenShape) -> Result<()> {
        let wanted = self.pooling.layers(shape.num_hidden_layers);
        if wanted.iter().all(|layer| shape.layers.contains(layer)) {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::UnsupportedPooling,
            format!("pooling `{}` needs the layers {wanted:?}, which were not loaded", self.pooling),
        ))
    }
}

/// Returns the number of elements before the head.
pub(crate) fn pooled_width(pooling: &PoolingChoice, hidden_size: usize) -> usize {
    pooling.poolings().len().max(1) * hidden_size
}
