//! The variants of products that a device may use, and those that it uses without a measurement.

use super::device::GpuDevice;
use super::options::IntegerProducts;
use super::shaders::LinearVariant;
use super::variants::Variants;

impl GpuDevice {
    /// Returns which products of int8 weights may round activations: not `Auto`.
    pub(super) fn integer_products(&self) -> IntegerProducts {
        let traits = self.traits();
        match traits.integer_products {
            _ if !traits.has_packed_dot || traits.checks_products => IntegerProducts::Never,
            IntegerProducts::Auto if traits.is_software => IntegerProducts::Never,
            IntegerProducts::Auto => match traits.kept_variants {
                None => IntegerProducts::Measured,
                Some(kept) if kept.may_use_blocks() => IntegerProducts::Always,
                Some(_) => IntegerProducts::Never,
            },
            other => other,
        }
    }

    /// Returns true if products in floats may use the variant.
    pub(super) fn may_use(&self, variant: LinearVariant) -> bool {
        match self.traits().kept_variants {
            Some(kept) => kept.has(variant),
            None => self.traits().measures_variants || self.fixed_variants().has(variant),
        }
    }

    /// Returns the variants of the products of a model, or `None` if they are to be measured. `has_blocks`: the model
    /// has products that may be computed of quantized blocks.
    pub(super) fn variants(&self, has_blocks: bool) -> Option<Variants> {
        let (traits, integers) = (self.traits(), self.integer_products());
        let is_measured = traits.measures_variants || (has_blocks && integers == IntegerProducts::Measured);
        let variants = match traits.kept_variants {
            Some(kept) => kept,
            None if is_measured => return None,
            None if integers == IntegerProducts::Always => self.fixed_variants().with_blocks(),
            None => self.fixed_variants(),
        };
        Some(if has_blocks { variants } else { variants.without_blocks() })
    }

    /// Returns the variants of products that are not measured.
    pub(super) fn fixed_variants(&self) -> Variants {
        Variants::fixed(self.traits().has_few_registers)
    }

    /// Returns the variants whose products have to be right: all that may be chosen, each with all numbers of rows.
    pub(super) fn checked_variants(&self) -> Vec<Variants> {
        let traits = self.traits();
        match traits.kept_variants {
            Some(kept) => vec![kept],
            None if !traits.measures_variants => vec![self.fixed_variants()],
            None => [LinearVariant::FewRows, LinearVariant::Tiled8, LinearVariant::Tiled4]
                .map(Variants::only)
                .to_vec(),
        }
    }
}
