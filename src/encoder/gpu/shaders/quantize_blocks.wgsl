// Quantizes rows for linear_i8_blocks.wgsl, in blocks of 64 inputs: scale = m / 127, q = round(x · (127 / m)), with m
// the largest magnitude of a block. The scalar twin is `reference_quantize_i8`.
//
// A block with a NaN or an infinity has the scale NaN and q = 0.
//
// Per row, y has the bits of the scales of its blocks, then a word per quad of inputs.

//#include quantize

const BLOCK_QUADS: u32 = 16u;

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
            values = value(row, quad);
        }
        largest[thread] = largest_bits(values);
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
            scale = NAN_BITS;
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
            y[start + blocks + quad] = packed(q);
        }
    }
}
