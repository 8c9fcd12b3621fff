//! `EinSum`: products and sums of two tensors along named axes, matrix products among them.

use crate::encoder::graph::op::computed;
use crate::encoder::graph::prelude::*;
use crate::encoder::graph::strided::{strides, walk};

/// The most multiplications of a product that is computed during translation.
const MAX_QUICK_PRODUCTS: u64 = 1 << 24;
/// The most multiplications in a mask. A mask needs no product as large as those of a layer.
const MAX_PRODUCTS: u64 = 1 << 30;

/// A product of one or two float tensors. Each axis has a letter; letters that the output lacks are summed.
#[derive(Debug, Clone)]
pub(crate) struct EinSum {
    /// The letters of each input.
    pub(crate) inputs: Vec<String>,
    /// The letters of the output.
    pub(crate) output: String,
}

impl EinSum {
    /// Makes a product from the letters of its inputs and its output.
    pub(crate) fn new(inputs: &[impl AsRef<str>], output: impl Into<String>) -> Self {
        Self { inputs: inputs.iter().map(|input| input.as_ref().to_owned()).collect(), output: output.into() }
    }

    /// Returns all letters, those of the output first.
    pub(crate) fn letters(&self) -> Vec<char> {
        let mut letters: Vec<char> = self.output.chars().collect();
        for letter in self.inputs.iter().flat_map(|input| input.chars()) {
            if !letters.contains(&letter) {
                letters.push(letter);
            }
        }
        letters
    }

    /// Returns the length of each letter. An axis of length 1 broadcasts.
    fn lengths<D: ToDim + Clone>(&self, shapes: &[&[D]]) -> TractResult<Vec<D>> {
        ensure!(shapes.len() == self.inputs.len(), "{} inputs are expected", self.inputs.len());
        let mut lengths = Vec::new();
        for letter in self.letters() {
            let mut length: Option<&D> = None;
            for (letters, shape) in self.inputs.iter().zip(shapes) {
                ensure!(letters.chars().count() == shape.len(), "`{letters}` has other axes than the input");
                for (_, dim) in letters.chars().zip(*shape).filter(|(own, _)| *own == letter) {
                    match length {
                        Some(have) if have.to_dim().is_one() => length = Some(dim),
                        Some(have) => {
                            let fits = dim.to_dim().is_one() || dim.to_dim() == have.to_dim();
                            ensure!(fits, "axis {letter} has different lengths");
                        }
                        None => length = Some(dim),
                    }
                }
            }
            match length {
                Some(length) => lengths.push(length.clone()),
                None => bail!("no input has the axis {letter}"),
            }
        }
        Ok(lengths)
    }
}

impl TypedOp for EinSum {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let shapes: Vec<&[TDim]> = inputs.iter().map(|input| &input.shape[..]).collect();
        let lengths = self.lengths(&shapes)?;
        let is_float = inputs.iter().all(|input| input.datum_type == DatumType::F32);
        ensure!(is_float, "a product of other numbers than floats");
        Ok(tvec!(DatumType::F32.fact(lengths.into_iter().take(self.output.chars().count()))))
    }

    fn eval(&self, _symbols: &SymbolValues, inputs: TVec<Arc<Tensor>>) -> TractResult<TVec<Arc<Tensor>>> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape()).collect();
        let lengths = self.lengths(&shapes)?;
        let products = lengths.iter().try_fold(1u64, |product, length| product.checked_mul(*length as u64));
        ensure!(products.is_some_and(|products| products <= MAX_PRODUCTS), "the product is too large");
        let letters = self.letters();
        let rank = self.output.chars().count();
        // The stride of each input along each letter: 0 where it has no such axis, or repeats it.
        let along = |letters_of: &str, shape: &[usize]| -> TVec<usize> {
            let own = strides(shape);
            let stride = |letter: &char| {
                let axes = letters_of.chars().enumerate().filter(|(_, own)| own == letter);
                axes.map(|(axis, _)| if shape[axis] == 1 { 0 } else { own[axis] }).sum()
            };
            letters.iter().map(stride).collect()
        };
        let values = inputs.iter().map(|input| input.try_as_plain_ram()).collect::<TractResult<Vec<_>>>()?;
        let values = values.iter().map(|value| value.as_slice::<f32>()).collect::<TractResult<Vec<_>>>()?;
        let one = [1.0];
        let (a, b): (&[f32], &[f32]) = match values[..] {
            [a, b] => (a, b),
            [a] => (a, &one),
            _ => bail!("one or two inputs are expected"),
        };
        let a_strides = along(&self.inputs[0], shapes[0]);
        let b_strides = match self.inputs.get(1) {
            Some(letters) => along(letters, shapes[1]),
            None => tvec!(0; letters.len()),
        };
        // The sums, one per element of the output: `walk` leaves the last axis to us.
        let mut summed: TVec<usize> = lengths[rank..].into();
        let (mut a_inner, mut b_inner): (TVec<usize>, TVec<usize>) =
            (a_strides[rank..].into(), b_strides[rank..].into());
        if summed.is_empty() {
            summed.push(1);
            a_inner.push(0);
            b_inner.push(0);
        }
        let mut outer: TVec<usize> = lengths[..rank].into();
        let (mut a_outer, mut b_outer): (TVec<usize>, TVec<usize>) =
            (a_strides[..rank].into(), b_strides[..rank].into());
        outer.push(1);
        a_outer.push(0);
        b_outer.push(0);
        let run = summed[summed.len() - 1];
        let (a_step, b_step) = (a_inner[a_inner.len() - 1], b_inner[b_inner.len() - 1]);
        let mut out = Vec::with_capacity(lengths[..rank].iter().product());
        walk(&outer, [&a_outer, &b_outer], |[a_at, b_at]| {
            let mut sum = 0f32;
            walk(&summed, [&a_inner, &b_inner], |[a_in, b_in]| {
                let (a_at, b_at) = (a_at + a_in, b_at + b_in);
                sum += (0..run).map(|i| a[a_at + i * a_step] * b[b_at + i * b_step]).sum::<f32>();
            });
            out.push(sum);
        });
        Ok(computed(Tensor::from_shape(&lengths[..rank], &out)?))
    }

    fn is_quick(&self, inputs: &[&TypedFact]) -> bool {
        let shapes: Vec<&[TDim]> = inputs.iter().map(|input| &input.shape[..]).collect();
        let Ok(lengths) = self.lengths(&shapes) else { return false };
        let lengths = lengths.iter().map(|length| length.as_i64().and_then(|n| u64::try_from(n).ok()));
        let products = lengths.into_iter().try_fold(1u64, |product, length| product.checked_mul(length?));
        products.is_some_and(|products| products <= MAX_QUICK_PRODUCTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_multiplied_and_summed() {
        let a = Arc::new(Tensor::from_shape(&[2, 3], &[1f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap());
        let b = Arc::new(Tensor::from_shape(&[3, 2], &[1f32, 0.0, 0.0, 1.0, 1.0, 1.0]).unwrap());
        let run = |op: EinSum, inputs: TVec<Arc<Tensor>>| {
            let out = op.eval(&SymbolValues::default(), inputs).unwrap().remove(0);
            let plain = out.try_as_plain_ram().unwrap();
            plain.as_slice::<f32>().unwrap().to_vec()
        };
        assert_eq!(
            run(EinSum::new(&["mk", "kn"], "mn"), tvec!(a.clone(), b.clone())),
            [4.0, 5.0, 10.0, 11.0]
        );
        assert_eq!(run(EinSum::new(&["km", "kn"], "nm"), tvec!(b.clone(), b.clone())), [2.0, 1.0, 1.0, 2.0]);
        assert_eq!(run(EinSum::new(&["ab"], "b"), tvec!(a.clone())), [5.0, 7.0, 9.0]);
        assert_eq!(run(EinSum::new(&["ab"], "ba"), tvec!(a)), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }
}
