// Linear of rows of signed bytes and int8 weights. Included by its two forms, which define what they do with rows:
//
//   load      writes the words of quad `quad` of 4 rows to tiles, at `at`. `starts` are the first words of the rows.
//   multiply  adds the products of a step to `sum_0` to `sum_3`.
//
// They also have the type `Sum`, `row_words()` and `result(row, output_quad, sums)`.
//
// A workgroup of 256 threads computes 64 rows by 64 outputs, a thread 4 rows of a quad of outputs. Per step, 16 quads of
// inputs of both operands lie in workgroup memory.

//#include product

@group(0) @binding(2) var<storage, read> x: array<u32>;
@group(0) @binding(3) var<storage, read> weight: array<u32>;

const STEP_QUADS: u32 = 16u;
const STRIDE: u32 = 17u;

var<workgroup> tile_w: array<vec4<u32>, 272>;

fn words(at: vec4<u32>) -> vec4<u32> {
    return vec4<u32>(x[at.x], x[at.y], x[at.z], x[at.w]);
}

fn weight_words(output_quad: u32, quad: u32) -> vec4<u32> {
    let at = min(output_quad, params.output_quads - 1u) * 4u * params.input_quads + quad;
    return vec4<u32>(
        weight[at],
        weight[at + params.input_quads],
        weight[at + 2u * params.input_quads],
        weight[at + 3u * params.input_quads],
    );
}

fn dots(x: u32, w: vec4<u32>) -> vec4<i32> {
    return vec4<i32>(
        dot4I8Packed(x, w.x),
        dot4I8Packed(x, w.y),
        dot4I8Packed(x, w.z),
        dot4I8Packed(x, w.w),
    );
}

fn store(row: u32, output_quad: u32, sums: Sum) {
    if (row < params.rows && output_quad < params.output_quads) {
        y[row * params.output_quads + output_quad] = result(row, output_quad, sums);
    }
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let first_row = group.y * 64u;
    let first_output_quad = group.x * 16u;
    let thread_column = thread % 16u;
    let thread_row = thread / 16u;
    // The thread loads quad `thread_column` of a step, of 4 rows and of 4 outputs.
    let rows = vec4<u32>(first_row + thread_row * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    let starts = min(rows, vec4<u32>(params.rows - 1u)) * row_words();
    let at = thread_column * STRIDE + thread_row;
    //#repeat i 4
    var sum_${i} = Sum();
    //#end
    for (var first_quad = 0u; first_quad < params.input_quads; first_quad += STEP_QUADS) {
        workgroupBarrier();
        let quad = first_quad + thread_column;
        var w = vec4<u32>();
        if (quad < params.input_quads) {
            w = weight_words(first_output_quad + thread_row, quad);
        }
        tile_w[at] = w;
        //#use load
        workgroupBarrier();
        //#use multiply
    }
    //#if FAULT
    if (params.fault == 1u && group.x + group.y == 0u) {
        sum_0 += Sum(vec4<i32>(100000));
    }
    //#end
    // A loop, so that what follows the sums is compiled once.
    for (var i = 0u; i < 4u; i += 1u) {
        var sums = Sum();
        switch (i) {
            //#repeat i 4
            case ${i}u: {
                sums = sum_${i};
            }
            //#end
            default: {
            }
        }
        store(first_row + thread_row * 4u + i, first_output_quad + thread_column, sums);
    }
}
