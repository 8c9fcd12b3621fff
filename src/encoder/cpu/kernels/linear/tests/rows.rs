//! Tests of one row of outputs: the values it depends on, and its distance to f32.

use super::*;

#[test]
fn the_bits_of_a_row_do_not_depend_on_other_rows() {
    let mut random = Random(7);
    let (inputs, outputs, rows) = (132, 21, 75);
    let x = random.normals(rows * inputs);
    for linear in linears(inputs, outputs, Activation::Gelu) {
        let together = forward(&linear, &x, rows);
        for r in 0..rows {
            assert_same_bits(
                &forward(&linear, &x[r * inputs..][..inputs], 1),
                &together[r * outputs..][..outputs],
            );
        }
    }
}

#[test]
fn a_row_with_nan_or_infinity_affects_no_other_row() {
    let (inputs, outputs, rows) = (72, 17, 70);
    for bad in [f32::NAN, f32::INFINITY] {
        let mut x = Random(8).normals(rows * inputs);
        x[2 * inputs + 69] = bad;
        x[3 * inputs..4 * inputs].fill(0.0);
        for linear in linears(inputs, outputs, Activation::None) {
            let out = forward(&linear, &x, rows);
            for (r, row) in out.chunks_exact(outputs).enumerate() {
                assert!(row.iter().all(|y| y.is_finite() == (r != 2)), "{bad} in row 2: row {r} is {row:?}");
            }
        }
    }
}

/// The error is relative to the root mean square of the outputs of the f32 reference.
#[test]
fn quantized_kernels_are_close_to_f32() {
    let (inputs, outputs, rows) = (768, 64, 16);
    for activation in
        [Activation::None, Activation::Gelu, Activation::GeluTanh, Activation::Relu, Activation::Tanh]
    {
        let mut random = Random(11);
        let (w, bias) = (random.normals(inputs * outputs), random.normals(outputs));
        let x = random.normals(rows * inputs);
        let spec = LinearSpec { activation, ..spec(inputs, outputs) };
        let expected = reference_linear(&spec, &x, &w, &bias);
        let size = (expected.iter().map(|y| y * y).sum::<f32>() / expected.len() as f32).sqrt();
        for linear in linears(inputs, outputs, activation) {
            let got = forward(&linear, &x, rows);
            let error =
                got.iter().zip(&expected).map(|(g, e)| (g - e) * (g - e)).sum::<f32>() / got.len() as f32;
            let max_error = match &linear {
                Linear::F32(_) => 1e-5,
                Linear::I8(_) => 0.01,
                Linear::I8Relaxed(_) => 0.02,
                Linear::I4(_) => 0.1,
            };
            // tanh is at most 1, but the error comes from sums that are much larger.
            let max_error = if activation == Activation::Tanh { max_error * 30.0 } else { max_error };
            assert!(error.sqrt() <= max_error * size, "{activation:?}: {} of {size}", error.sqrt());
        }
    }
}
