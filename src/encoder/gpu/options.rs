//! The choice of a GPU, and of what its products are computed and checked with.

use std::time::Duration;

use super::failure::Fault;

/// The choice of a GPU.
#[derive(Debug, Clone, Copy, Default)]
pub struct GpuOptions {
    /// True if a processor that emulates a GPU (SwiftShader, lavapipe) may be used. It is slower than the CPU back end.
    pub allow_software: bool,
    /// The longest time that a submission may take until the CPU takes over. The default is a minute, much more than any
    /// submission takes, and ten minutes for an emulated GPU.
    pub deadline: Option<Duration>,
    /// The products that are checked by their sums.
    pub product_checks: ProductChecks,
    /// The products of int8 weights that may round activations to 8 bits. They are never rounded for exact kernels and
    /// in f32.
    pub integer_products: IntegerProducts,
    /// A fault to inject, for tests.
    #[doc(hidden)]
    pub fault: Option<Fault>,
}

/// The products that are checked by the sums of their rows. The check takes about a tenth more time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProductChecks {
    /// Products on GPUs whose drivers are known to lose results: Qualcomm, Arm and Imagination.
    #[default]
    Auto,
    /// Products on every GPU.
    Always,
    /// None.
    Never,
}

/// Products of int8 weights with activations of 8 bits in blocks of 64, instead of f32. They need WGSL's
/// `dot4I8Packed`, and are never used where products are checked by their sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IntegerProducts {
    /// Like `Measured`, but not on a GPU that the processor emulates.
    #[default]
    Auto,
    /// Where they are faster, which is measured after the checks of the first model.
    Measured,
    /// Wherever they are possible.
    Always,
    /// Nowhere.
    Never,
}
