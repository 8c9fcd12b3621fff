// Quantizes rows for linear_i8_blocks.wgsl, in blocks of 64 inputs: scale = m / 127, q = round(x · (127 / m)), with m
// the largest magnitude of a block. The scalar twin is `reference_quantize_i8`.
//
// A block with a NaN or an infinity has the scale NaN and q = 0.

struct Params {
    input_quads: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// Per row: the bits of the scales of its blocks, then a word per quad of inputs.
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
//#if FACTORS
@group(0) @binding(3) var<storage, read> factors: array<vec4<f32>>;
//#end

const THREADS: u32 = 64u;
const BLOCK_QUADS: u32 = 16u;
const INFINITY_BITS: u32 = 0x7f800000u;
const LEAST_BITS: u32 = ${LEAST_BITS}u;

var<workgroup> largest: array<u32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row = group.x;
    let lane = thread % BLOCK_QUADS;
    let blocks = (params.input_quads + BLOCK_QUADS - 1u) / BLOCK_QUADS;
    let start = row * (blocks + params.input_quads);
    for (var first = 0u; first < params.input_quads; first += THREADS) {
        let quad = first + thread;
        var values = vec4<f32>();
        if (quad < params.input_quads) {
            values = x[row * params.input_quads + quad];
            //#if FACTORS
            values *= factors[quad];
            //#end
        }
        let bits = bitcast<vec4<u32>>(values) & vec4<u32>(0x7fffffffu);
        largest[thread] = max(max(bits.x, bits.y), max(bits.z, bits.w));
        for (var half = BLOCK_QUADS / 2u; half > 0u; half /= 2u) {
            workgroupBarrier();
            if (lane < half) {
                largest[thread] = max(largest[thread], largest[thread + half]);
            }
        }
        workgroupBarrier();
        let most = largest[thread - lane];
        workgroupBarrier();
        var scale = 0u;
        var inverse = 0.0;
        if (most >= INFINITY_BITS) {
            scale = 0x7fc00000u;
        } else if (most >= LEAST_BITS) {
            scale = bitcast<u32>(bitcast<f32>(most) * (1.0 / 127.0));
            inverse = 127.0 / bitcast<f32>(most);
        }
        if (quad < params.input_quads) {
            if (lane == 0u) {
                y[start + quad / BLOCK_QUADS] = scale;
            }
            var q = vec4<i32>();
            if (inverse > 0.0) {
                q = vec4<i32>(clamp(round(values * inverse), vec4<f32>(-127.0), vec4<f32>(127.0)));
            }
            let bytes = (bitcast<vec4<u32>>(q) & vec4<u32>(255u)) << vec4<u32>(0u, 8u, 16u, 24u);
            y[start + blocks + quad] = bytes.x | bytes.y | bytes.z | bytes.w;
        }
    }
}
