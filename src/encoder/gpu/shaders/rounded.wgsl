// A product that no compiler can fuse with a sum, which would change the bits: params.zero is 0, and no compiler knows it.

fn rounded(product: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(product) ^ vec4<u32>(params.zero));
}
