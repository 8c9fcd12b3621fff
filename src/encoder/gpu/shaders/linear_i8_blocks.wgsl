// Linear of rows of 8 bits in blocks of 64 inputs (quantize_blocks.wgsl) and int8 weights. The sum of a block is exact;
// the blocks are added up in order in f32. The scalar twin is `reference_linear_i8_blocks`.
//
// A workgroup of 256 threads computes 64 rows by 64 outputs; per step, one block of both operands lies in workgroup
// memory.

struct Params {
    rows: u32,
    input_quads: u32,
    output_quads: u32,
    fault: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
// Per row: the bits of the scales of its blocks, then a word per quad of inputs.
@group(0) @binding(2) var<storage, read> x: array<u32>;
@group(0) @binding(3) var<storage, read> weight: array<u32>;
@group(0) @binding(4) var<storage, read> vectors: array<vec4<f32>>;

const BLOCK_QUADS: u32 = 16u;
const STRIDE: u32 = 17u;

var<workgroup> tile_x: array<vec4<u32>, 272>;
var<workgroup> tile_w: array<vec4<u32>, 272>;
var<workgroup> scales: array<vec4<f32>, 16>;

//#include activation

fn dots(x: u32, w: vec4<u32>) -> vec4<i32> {
    return vec4<i32>(
        dot4I8Packed(x, w.x),
        dot4I8Packed(x, w.y),
        dot4I8Packed(x, w.z),
        dot4I8Packed(x, w.w),
    );
}

fn store(row: u32, output_quad: u32, sums: vec4<f32>) {
    if (row < params.rows && output_quad < params.output_quads) {
        let bias = vectors[2u * params.output_quads + output_quad];
        y[row * params.output_quads + output_quad] = activate(sums * vectors[output_quad] + bias);
    }
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let first_row = group.y * 64u;
    let first_output_quad = group.x * 16u;
    let thread_column = thread % 16u;
    let thread_row = thread / 16u;
    let blocks = (params.input_quads + BLOCK_QUADS - 1u) / BLOCK_QUADS;
    // The thread loads quad `thread_column` of a block of 4 rows and of 4 outputs.
    let rows = vec4<u32>(first_row + thread_row * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    let starts = min(rows, vec4<u32>(params.rows - 1u)) * (blocks + params.input_quads);
    let first_weight = min(first_output_quad + thread_row, params.output_quads - 1u) * 4u * params.input_quads;
    //#repeat i 4
    var sum_${i} = vec4<f32>();
    //#end
    for (var block = 0u; block < blocks; block += 1u) {
        workgroupBarrier();
        let quad = block * BLOCK_QUADS + thread_column;
        var words = vec4<u32>();
        var w = vec4<u32>();
        if (quad < params.input_quads) {
            let at = starts + vec4<u32>(blocks + quad);
            words = vec4<u32>(x[at.x], x[at.y], x[at.z], x[at.w]);
            let at_w = first_weight + quad;
            w = vec4<u32>(
                weight[at_w],
                weight[at_w + params.input_quads],
                weight[at_w + 2u * params.input_quads],
                weight[at_w + 3u * params.input_quads],
            );
        }
        tile_x[thread_column * STRIDE + thread_row] = words;
        tile_w[thread_column * STRIDE + thread_row] = w;
        if (thread_column == 0u) {
            let at = starts + vec4<u32>(block);
            scales[thread_row] = bitcast<vec4<f32>>(vec4<u32>(x[at.x], x[at.y], x[at.z], x[at.w]));
        }
        workgroupBarrier();
        //#repeat i 4
        var dot_${i} = vec4<i32>();
        //#end
        for (var k = 0u; k < BLOCK_QUADS; k += 1u) {
            let words = tile_x[k * STRIDE + thread_row];
            let w = tile_w[k * STRIDE + thread_column];
            //#repeat i 4
            dot_${i} += dots(words[${i}], w);
            //#end
        }
        let scale = scales[thread_row];
        //#repeat i 4
        sum_${i} += vec4<f32>(dot_${i}) * scale[${i}];
        //#end
    }
    //#if FAULT
    if (params.fault == 1u && group.x + group.y == 0u) {
        sum_0 += vec4<f32>(1000.0);
    }
    //#end
    //#repeat i 4
    store(first_row + thread_row * 4u + ${i}u, first_output_quad + thread_column, sum_${i});
    //#end
}
