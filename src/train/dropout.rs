//! Dropout (Srivastava and others, 2014) whose masks follow from seed, step, text, place and position alone.
//!
//! So a mask depends neither on padding nor on the other texts of a pass, a second forward pass drops the same numbers,
//! and a resumed run draws the masks that it would have drawn.
//!
//! ```text
//! stream(text, site) = mix(mix(mix(seed, step), text), site)    mix(a, b) = mix(mix(a) ^ b)
//! number(position)   = the upper 24 bits of mix(stream + position), divided by 2^24
//! dropped if number < p; kept numbers are multiplied by 1 / (1 - p)
//! ```

use candle_core::{Device, Result, Tensor};

use super::random::mix;

/// The dropout of one training step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dropout {
    /// The share of numbers that are dropped.
    pub(super) rate: f32,
    pub(super) seed: u64,
    pub(super) step: u64,
}

/// A place in the network that has dropout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Site {
    Embeddings,
    /// The attention weights of a layer.
    AttentionWeights(usize),
    /// The output of a layer's attention.
    AttentionOutput(usize),
    /// The output of a layer's feed-forward network.
    FeedForward(usize),
    /// The input of the classifier.
    Classifier,
}

impl Site {
    fn number(self) -> u64 {
        match self {
            Self::Embeddings => 0,
            Self::AttentionWeights(layer) => 1 + 3 * layer as u64,
            Self::AttentionOutput(layer) => 2 + 3 * layer as u64,
            Self::FeedForward(layer) => 3 + 3 * layer as u64,
            Self::Classifier => u64::from(u32::MAX),
        }
    }
}

impl Dropout {
    /// Drops numbers of hidden states, `[texts, tokens, width]`. `texts` has the number of each text in its step.
    pub(super) fn hidden(&self, x: &Tensor, texts: &[usize], site: Site) -> Result<Tensor> {
        let (_, tokens, width) = x.dims3()?;
        let positions = (0..tokens).flat_map(|token| (0..width).map(move |i| ((token << 16) | i) as u64));
        self.apply(x, texts, site, positions)
    }

    /// Drops attention weights, `[texts, heads, tokens, tokens]`.
    pub(super) fn attention(&self, x: &Tensor, texts: &[usize], site: Site) -> Result<Tensor> {
        let (_, heads, rows, columns) = x.dims4()?;
        let positions = (0..heads).flat_map(|head| {
            (0..rows).flat_map(move |row| {
                (0..columns).map(move |column| ((head << 40) | (row << 20) | column) as u64)
            })
        });
        self.apply(x, texts, site, positions)
    }

    fn apply(
        &self,
        x: &Tensor,
        texts: &[usize],
        site: Site,
        positions: impl Iterator<Item = u64> + Clone,
    ) -> Result<Tensor> {
        let scale = 1.0 / (1.0 - self.rate);
        let limit = (f64::from(self.rate) * f64::from(1 << 24)) as u64;
        let mut mask = Vec::with_capacity(x.elem_count());
        for &text in texts {
            let stream = [self.step, text as u64, site.number()]
                .into_iter()
                .fold(self.seed, |state, part| mix(mix(state) ^ part));
            let keep = |position: u64| mix(stream.wrapping_add(position)) >> 40 >= limit;
            mask.extend(positions.clone().map(|position| if keep(position) { scale } else { 0.0 }));
        }
        x.mul(&Tensor::from_vec(mask, x.shape(), &Device::Cpu)?)
    }
}
