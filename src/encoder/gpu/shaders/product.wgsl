// The parameters and the result of every variant of Linear: y = act(x · Wᵀ + bias). Included by all of them.
//
// vectors has one quad of scales per quad of outputs, then the zero points, then the biases.

struct Params {
    rows: u32,
    input_quads: u32,
    output_quads: u32,
    fault: u32,
    // See rounded.wgsl.
    zero: u32,
    activation: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> vectors: array<vec4<f32>>;

//#include activation

fn bias(output_quad: u32) -> vec4<f32> {
    return vectors[2u * params.output_quads + output_quad];
}
