// Linear in integers: the sums of the CPU's exact kernel, bit for bit. The scalar twin is `reference_linear_i8`.
//
// A row of x has up to 13 bits, as two planes of signed bytes (quantize_rows.wgsl): q = 128 · high + low. The sum of
// 4 products is one dot4I8Packed per plane. A workgroup of 256 threads computes 64 rows by 64 outputs; per step of 16
// quads of inputs the words of both operands lie in workgroup memory.

struct Params {
    rows: u32,
    input_quads: u32,
    output_quads: u32,
    fault: u32,
    // 0. The compiler does not know it, so it cannot fuse a product with a sum, which would change the bits.
    zero: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
// Per row: the bits of the scale, the words of the high plane, the words of the low plane.
@group(0) @binding(2) var<storage, read> x: array<u32>;
@group(0) @binding(3) var<storage, read> weight: array<u32>;
@group(0) @binding(4) var<storage, read> vectors: array<vec4<f32>>;

const STEP_QUADS: u32 = 16u;
const STRIDE: u32 = 17u;

var<workgroup> tile_high: array<vec4<u32>, 272>;
var<workgroup> tile_low: array<vec4<u32>, 272>;
var<workgroup> tile_w: array<vec4<u32>, 272>;

//#include activation

fn rounded(product: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(product) ^ vec4<u32>(params.zero));
}

fn row_start(row: u32) -> u32 {
    return min(row, params.rows - 1u) * (1u + 2u * params.input_quads);
}

fn dots(x: u32, w: vec4<u32>) -> vec4<i32> {
    return vec4<i32>(
        dot4I8Packed(x, w.x),
        dot4I8Packed(x, w.y),
        dot4I8Packed(x, w.z),
        dot4I8Packed(x, w.w),
    );
}

fn store(row: u32, output_quad: u32, sums: vec4<i32>) {
    if (row < params.rows && output_quad < params.output_quads) {
        let row_scale = bitcast<f32>(x[row_start(row)]);
        let scale = rounded(vectors[output_quad] * row_scale);
        let bias = vectors[2u * params.output_quads + output_quad];
        y[row * params.output_quads + output_quad] = activate(rounded(vec4<f32>(sums) * scale) + bias);
    }
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let first_row = group.y * 64u;
    let first_output_quad = group.x * 16u;
    let thread_column = thread % 16u;
    let thread_row = thread / 16u;
    //#repeat i 4
    var sum_${i} = vec4<i32>();
    //#end
    for (var first_quad = 0u; first_quad < params.input_quads; first_quad += STEP_QUADS) {
        workgroupBarrier();
        let step_quad = thread % STEP_QUADS;
        let quad_of_rows = thread / STEP_QUADS;
        let quad = first_quad + step_quad;
        var high = vec4<u32>();
        var low = vec4<u32>();
        var w = vec4<u32>();
        if (quad < params.input_quads) {
            let row = first_row + quad_of_rows * 4u;
            let starts = vec4<u32>(row_start(row), row_start(row + 1u), row_start(row + 2u), row_start(row + 3u));
            let at_high = starts + vec4<u32>(1u + quad);
            let at_low = at_high + vec4<u32>(params.input_quads);
            high = vec4<u32>(x[at_high.x], x[at_high.y], x[at_high.z], x[at_high.w]);
            low = vec4<u32>(x[at_low.x], x[at_low.y], x[at_low.z], x[at_low.w]);
            let output = min(first_output_quad + quad_of_rows, params.output_quads - 1u) * 4u;
            let at = output * params.input_quads + quad;
            w = vec4<u32>(
                weight[at],
                weight[at + params.input_quads],
                weight[at + 2u * params.input_quads],
                weight[at + 3u * params.input_quads],
            );
        }
        tile_high[step_quad * STRIDE + quad_of_rows] = high;
        tile_low[step_quad * STRIDE + quad_of_rows] = low;
        tile_w[step_quad * STRIDE + quad_of_rows] = w;
        workgroupBarrier();
        for (var k = 0u; k < STEP_QUADS; k += 1u) {
            let high = tile_high[k * STRIDE + thread_row];
            let low = tile_low[k * STRIDE + thread_row];
            let w = tile_w[k * STRIDE + thread_column];
            //#repeat i 4
            sum_${i} += (dots(high[${i}], w) << vec4<u32>(7u)) + dots(low[${i}], w);
            //#end
        }
    }
    //#if FAULT
    if (params.fault == 1u && group.x + group.y == 0u) {
        sum_0 += vec4<i32>(100000);
    }
    //#end
    //#repeat i 4
    store(first_row + thread_row * 4u + ${i}u, first_output_quad + thread_column, sum_${i});
    //#end
}
