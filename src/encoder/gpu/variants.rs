//! The variants of Linear that a model's products use: one for few rows and one for more, and where they are faster
//! quantized blocks for large batches. They are measured on GPUs (`known_answers::timer`), and fixed where the processor
//! emulates one.

use super::shaders::{FEW_ROWS, LinearVariant, TILE};

/// Numbers of what is timed: the variants in floats, then quantized blocks.
pub(super) const TIMED: usize = 4;
pub(super) const BLOCKS: usize = 3;

/// The part of the time of products in floats that those of quantized blocks may take. They round.
const MIN_GAIN: f64 = 0.9;

/// The variants of a model's products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Variants {
    few: LinearVariant,
    many: LinearVariant,
    /// The most rows of `few`.
    most_few: usize,
    /// The most tokens of a submission whose products are in floats. In larger ones they are of quantized blocks, if that
    /// is possible. A submission has one kind, so that its canary has one result.
    most_floats: usize,
}

impl Variants {
    /// Returns one variant for all products.
    pub(super) fn only(variant: LinearVariant) -> Self {
        Self { few: variant, many: variant, most_few: 0, most_floats: usize::MAX }
    }

    /// Returns the variants of a GPU that is not measured.
    pub(super) fn fixed(has_few_registers: bool) -> Self {
        let many = if has_few_registers { LinearVariant::Tiled4 } else { LinearVariant::Tiled8 };
        Self { few: LinearVariant::FewRows, many, most_few: FEW_ROWS, most_floats: usize::MAX }
    }

    /// Returns the variants that took the shortest times: of [`FEW_ROWS`] rows, and of many rows, in parts of the
    /// shortest time of the same rows.
    pub(super) fn fastest([few, many]: [[f64; TIMED]; 2]) -> Self {
        let tile = |times: &[f64; TIMED]| match times[2] < times[1] {
            true => (LinearVariant::Tiled4, times[2]),
            false => (LinearVariant::Tiled8, times[1]),
        };
        let (few_tile, few_ms) = tile(&few);
        let (many_tile, many_ms) = tile(&many);
        // A tile takes the same time for all its rows, the variant for few rows takes its own time for each FEW_ROWS.
        let (few_variant, most_few) = match few[0] <= few_ms {
            true => {
                (LinearVariant::FewRows, FEW_ROWS * ((few_ms / few[0]) as usize).clamp(1, TILE / FEW_ROWS))
            }
            false => (few_tile, TILE),
        };
        let gains = |times: &[f64; TIMED], floats: f64| times[BLOCKS] < MIN_GAIN * floats;
        let most_floats = match (gains(&few, few[0].min(few_ms)), gains(&many, many_ms)) {
            (true, true) => 0,
            (false, true) => TILE,
            _ => usize::MAX,
        };
        Self { few: few_variant, many: many_tile, most_few, most_floats }
    }

    /// Returns the same variants, with quantized blocks for all products.
    pub(super) fn with_blocks(self) -> Self {
        Self { most_floats: 0, ..self }
    }

    /// Returns the same variants without quantized blocks.
    pub(super) fn without_blocks(self) -> Self {
        Self { most_floats: usize::MAX, ..self }
    }

    /// Returns the variant for a product in floats.
    pub(super) fn of_rows(self, rows: usize) -> LinearVariant {
        if rows <= self.most_few { self.few } else { self.many }
    }

    pub(super) fn has(self, variant: LinearVariant) -> bool {
        self.few == variant || self.many == variant
    }

    /// Returns true if submissions of so many tokens are computed of quantized blocks.
    pub(super) fn uses_blocks(self, tokens: usize) -> bool {
        tokens > self.most_floats
    }

    /// Returns true if some submissions are computed of quantized blocks.
    pub(super) fn may_use_blocks(self) -> bool {
        self.most_floats < usize::MAX
    }

    /// Returns the variants as a number that is kept for the next load: never 0.
    pub(super) fn code(self) -> u32 {
        let blocks = match self.most_floats {
            0 => 1,
            usize::MAX => 0,
            _ => 2,
        };
        self.few as u32 | (self.many as u32) << 2 | ((self.most_few / FEW_ROWS) as u32) << 4 | blocks << 8
    }

    /// Returns the variants of a [`code`](Self::code), or `None` if it is none.
    #[cfg(any(target_arch = "wasm32", test))]
    pub(super) fn from_code(code: u32) -> Option<Self> {
        let all = [LinearVariant::FewRows, LinearVariant::Tiled8, LinearVariant::Tiled4];
        let most_floats = [usize::MAX, 0, TILE];
        let variants = Self {
            few: *all.get((code & 3) as usize)?,
            many: *all[1..].get(((code >> 2 & 3) as usize).checked_sub(1)?)?,
            most_few: (code >> 4 & 15) as usize * FEW_ROWS,
            most_floats: *most_floats.get((code >> 8) as usize)?,
        };
        (variants.most_few <= TILE).then_some(variants)
    }
}

#[cfg(test)]
mod tests {
    use super::LinearVariant::{FewRows, Tiled4, Tiled8};
    use super::*;

    const NONE: f64 = f64::INFINITY;

    #[test]
    fn fastest_variants_are_chosen_by_rows() {
        let of = |few, many| {
            let variants = Variants::fastest([few, many]);
            let rows = [1, 16, 17, 32, 48, 64, 65].map(|rows| variants.of_rows(rows));
            (rows, [1, 64, 65].map(|tokens| variants.uses_blocks(tokens)))
        };
        let floats = [false; 3];
        assert_eq!(
            of([1.0, 2.9, 4.0, NONE], [NONE, 1.0, 1.1, NONE]),
            ([FewRows, FewRows, FewRows, FewRows, Tiled8, Tiled8, Tiled8], floats)
        );
        assert_eq!(of([1.0, 9.0, 9.0, NONE], [NONE, 1.3, 1.0, NONE]).0[5..], [FewRows, Tiled4]);
        assert_eq!(of([1.2, 1.1, 1.0, NONE], [NONE, 1.0, 1.3, NONE]).0[..6], [Tiled4; 6]);
        // All take the same time, as with a clock that does not advance.
        assert_eq!(of([0.0; 4], [0.0; 4]).0[..3], [FewRows, FewRows, Tiled8]);
        assert_eq!(of([0.0; 4], [0.0; 4]).1, floats);
        assert_eq!(of([1.0; 4], [1.0; 4]).0[..3], [FewRows, FewRows, Tiled8]);
        // Blocks round, so they must be faster than any variant in floats.
        assert_eq!(of([1.1, 3.0, 3.0, 1.0], [NONE, 1.2, 1.3, 1.0]).1, [false, false, true]);
        assert_eq!(of([1.2, 1.3, 3.0, 1.0], [NONE, 1.3, 1.2, 1.0]).1, [true; 3]);
        assert_eq!(of([1.2, 1.3, 3.0, 1.0], [NONE, 1.1, 1.3, 1.0]).1, floats);
    }

    #[test]
    fn kept_variants_are_read_back_and_other_numbers_are_none() {
        let mut read = 0;
        for code in 0..2048 {
            if let Some(variants) = Variants::from_code(code) {
                assert_eq!(variants.code(), code);
                assert!(variants.most_few <= 64 && variants.many != FewRows);
                read += 1;
            }
        }
        // 3 for few rows, 2 for many, 5 bounds, 3 uses of blocks.
        assert_eq!(read, 90);
        assert_eq!(Variants::from_code(u32::MAX), None);
        for has_few_registers in [false, true] {
            let fixed = Variants::fixed(has_few_registers);
            for variants in [fixed, fixed.with_blocks()] {
                assert_eq!(Variants::from_code(variants.code()), Some(variants));
            }
        }
    }
}
