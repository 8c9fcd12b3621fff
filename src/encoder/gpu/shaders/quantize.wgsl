// The operands of the quantizations of rows, one workgroup per row. Included by both.

struct Params {
    input_quads: u32,
    // The largest magnitude of q, in quantize_rows.wgsl.
    max: u32,
    // See rounded.wgsl.
    zero: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
//#if FACTORS
@group(0) @binding(3) var<storage, read> factors: array<vec4<f32>>;
//#end

const THREADS: u32 = 64u;
const INFINITY_BITS: u32 = 0x7f800000u;
const NAN_BITS: u32 = 0x7fc00000u;
// The bits of 1e-30, the least magnitude that counts.
const LEAST_BITS: u32 = ${LEAST_BITS}u;

var<workgroup> largest: array<u32, 64>;

//#include rounded

fn value(row: u32, quad: u32) -> vec4<f32> {
    let values = x[row * params.input_quads + quad];
    //#if FACTORS
    return rounded(values * factors[quad]);
    //#else
    return values;
    //#end
}

// Returns the bits of the largest magnitude.
fn largest_bits(values: vec4<f32>) -> u32 {
    let bits = bitcast<vec4<u32>>(values) & vec4<u32>(0x7fffffffu);
    return max(max(bits.x, bits.y), max(bits.z, bits.w));
}

fn packed(bytes: vec4<i32>) -> u32 {
    let shifted = (bitcast<vec4<u32>>(bytes) & vec4<u32>(255u)) << vec4<u32>(0u, 8u, 16u, 24u);
    return shifted.x | shifted.y | shifted.z | shifted.w;
}
