//! Factors of the inputs: a `Linear` with factors gives the bits of one whose inputs were multiplied before.

use super::*;

/// Returns a `Linear` of each format and layout of weights.
fn linears(spec: LinearSpec, random: &mut Random) -> Vec<Linear> {
    let LinearSpec { inputs, outputs, .. } = spec;
    let (q, scale) = (bytes(inputs * outputs, random), random.normals(outputs));
    let mut all: Vec<Linear> = ALL_KERNELS
        .into_iter()
        .map(|kernel| {
            let mut pack = PackI8::new(spec, kernel, scale.clone(), random.normals(outputs)).unwrap();
            pack.put_i8(WeightOrder::OutIn, 0, &q);
            pack.finish()
        })
        .collect();
    let zero: Vec<i32> = (0..outputs).map(|_| random.below(257) as i32 - 128).collect();
    let mut pack = PackI8::with_zero_points(spec, Kernel::Exact, scale, zero, Vec::new()).unwrap();
    pack.put_i8(WeightOrder::OutIn, 0, &q);
    all.push(pack.finish());
    let blocks = inputs.div_ceil(BLOCK_I4);
    for kernel in ALL_KERNELS {
        let mut pack = PackI4::new(spec, kernel, Vec::new()).unwrap();
        let q: Vec<u8> = (0..outputs * blocks * BLOCK_I4 / 2).map(|_| random.next() as u8).collect();
        pack.put(0, &q);
        pack.put_scales(0, random.normals(outputs * blocks));
        pack.put_zeros(0, (0..outputs * blocks).map(|i| (i % 16) as u8));
        all.push(pack.finish());
    }
    all
}

#[test]
fn every_kernel_multiplies_its_inputs_by_their_factors() {
    // Rows with and without Strassen's products, tiles and blocks of every remainder.
    for (rows, inputs, outputs) in [(1, 7, 3), (6, 70, 9), (67, 96, 24)] {
        let mut random = Random(inputs as u64);
        let spec = spec(inputs, outputs);
        let x = random.normals(rows * inputs);
        let factors: Vec<f32> = (0..inputs).map(|_| 0.25 + random.below(8) as f32 / 3.0).collect();
        let products: Vec<f32> = x.iter().enumerate().map(|(i, x)| x * factors[i % inputs]).collect();
        for linear in linears(spec, &mut random) {
            let expected = forward(&linear, &products, rows);
            let plain = forward(&linear, &x, rows);
            let bytes = linear.bytes();
            let linear = linear.with_input_factors(factors.clone());
            assert_eq!(linear.bytes(), bytes + 4 * inputs);
            let actual = forward(&linear, &x, rows);
            assert_same_bits(&actual, &expected);
            assert_ne!(actual, plain);
        }
    }
}

#[test]
#[should_panic(expected = "f32 weights take no input factors")]
fn f32_weights_take_no_factors() {
    let linear = PackF32::new(spec(2, 1), Kernel::Exact, Vec::new()).unwrap().finish();
    let _ = linear.with_input_factors(vec![1.0, 2.0]);
}
