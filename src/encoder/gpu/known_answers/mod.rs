//! Results that are known, for each pipeline that a model uses: [`products`] of integers, whose sums are exact, and the
//! other [`ops`], whose scalar twins compute them. [`timer`] runs products to find the fastest variants.

mod ops;
mod products;
mod samples;
#[cfg(test)]
mod tests;
mod timer;

use self::ops::KnownOps;
use self::products::KnownProducts;
pub(super) use self::timer::VariantTimer;
use super::device::GpuDevice;
use super::run::GpuModel;
use super::submission::Readback;
use crate::error::Result;

/// Dispatches of one submission whose results are known.
pub(super) enum KnownAnswers {
    Products(Box<KnownProducts>),
    Ops(KnownOps),
}

impl KnownAnswers {
    /// Returns the known results for each pipeline of a model.
    ///
    /// # Errors
    /// The errors of the uploads.
    pub(super) fn of_model(model: &GpuModel) -> Result<Vec<Self>> {
        let products = KnownProducts::of_model(model)?.into_iter().map(|known| Self::Products(known.into()));
        let ops = Self::Ops(KnownOps::of_model(model)?);
        Ok(products.chain([ops]).collect())
    }

    /// Returns the number of different submissions.
    pub(super) fn submissions(&self) -> usize {
        match self {
            Self::Products(products) => products.submissions(),
            Self::Ops(_) => 1,
        }
    }

    /// Submits the dispatches of submission `number`.
    ///
    /// # Errors
    /// `GPU_FAILED`.
    pub(super) fn submit(&self, gpu: &GpuDevice, number: usize) -> Result<Readback> {
        match self {
            Self::Products(products) => products.submit(gpu, number),
            Self::Ops(ops) => ops.submit(gpu),
        }
    }

    /// Compares the results.
    ///
    /// # Errors
    /// `GPU_FAILED` if one differs.
    pub(super) fn check(&self, parts: &[Vec<f32>]) -> Result<()> {
        match self {
            Self::Products(products) => products.check(parts),
            Self::Ops(ops) => ops.check(parts),
        }
    }
}
