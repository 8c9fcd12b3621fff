// Linear, tiled: y = act(x · Wᵀ + bias) for rows of a tile of TILE_ROWS by TILE_COLUMNS. The scalar twin is
// `reference_linear`.
//
// y is [rows, output_quads]. Per step of 16 inputs, both operands
// are transposed into workgroup memory: tile_x[input][row quad] and tile_w[input][output quad]. A thread computes
// ROW_QUADS · 4 rows of COLUMN_QUADS quads of outputs.

//#include weight

const STEP: u32 = 16u;
const STEP_QUADS: u32 = 4u;
const THREADS: u32 = ${THREADS}u;
const THREAD_COLUMNS: u32 = ${THREAD_COLUMNS}u;
const THREAD_ROWS: u32 = ${THREAD_ROWS}u;
const TILE_ROW_QUADS: u32 = ${TILE_ROW_QUADS}u;
const TILE_COLUMN_QUADS: u32 = ${TILE_COLUMN_QUADS}u;
// One more than a row has, so that neighboring inputs lie in different banks of the memory.
const STRIDE_X: u32 = TILE_ROW_QUADS + 1u;
const STRIDE_W: u32 = TILE_COLUMN_QUADS + 1u;

var<workgroup> tile_x: array<vec4<f32>, ${TILE_X}>;
var<workgroup> tile_w: array<vec4<f32>, ${TILE_W}>;

fn load_x(first_row: u32, first_quad: u32, thread: u32) {
    for (var unit = thread; unit < TILE_ROW_QUADS * STEP_QUADS; unit += THREADS) {
        let step_quad = unit % STEP_QUADS;
        let row_quad = unit / STEP_QUADS;
        let quad = first_quad + step_quad;
        let row = first_row + row_quad * 4u;
        var columns = mat4x4<f32>();
        if (quad < params.input_quads) {
            let factor = input_factor(quad);
            columns = transpose(mat4x4<f32>(
                x_quad(row, quad) * factor,
                x_quad(row + 1u, quad) * factor,
                x_quad(row + 2u, quad) * factor,
                x_quad(row + 3u, quad) * factor,
            ));
        }
        let at = step_quad * 4u * STRIDE_X + row_quad;
        tile_x[at] = columns[0];
        tile_x[at + STRIDE_X] = columns[1];
        tile_x[at + 2u * STRIDE_X] = columns[2];
        tile_x[at + 3u * STRIDE_X] = columns[3];
    }
}

fn load_w(first_output_quad: u32, first_quad: u32, thread: u32) {
    for (var unit = thread; unit < TILE_COLUMN_QUADS * STEP_QUADS; unit += THREADS) {
        let step_quad = unit % STEP_QUADS;
        let column_quad = unit / STEP_QUADS;
        let quad = first_quad + step_quad;
        let output = min(first_output_quad + column_quad, params.output_quads - 1u) * 4u;
        var columns = mat4x4<f32>();
        if (quad < params.input_quads) {
            columns = transpose(mat4x4<f32>(
                weight_quad(output, quad),
                weight_quad(output + 1u, quad),
                weight_quad(output + 2u, quad),
                weight_quad(output + 3u, quad),
            ));
        }
        let at = step_quad * 4u * STRIDE_W + column_quad;
        tile_w[at] = columns[0];
        tile_w[at + STRIDE_W] = columns[1];
        tile_w[at + 2u * STRIDE_W] = columns[2];
        tile_w[at + 3u * STRIDE_W] = columns[3];
    }
}

fn store(row: u32, output_quad: u32, sums: vec4<f32>) {
    if (row < params.rows && output_quad < params.output_quads) {
        y[row * params.output_quads + output_quad] = finish(output_quad, sums);
    }
}

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let first_row = group.y * TILE_ROW_QUADS * 4u;
    let first_output_quad = group.x * TILE_COLUMN_QUADS;
    let thread_column = thread % THREAD_COLUMNS;
    let thread_row = thread / THREAD_COLUMNS;
    //#repeat r ROWS
    //#repeat c COLUMN_QUADS
    var sum_${r}_${c} = vec4<f32>();
    //#end
    //#end
    for (var first_quad = 0u; first_quad < params.input_quads; first_quad += STEP_QUADS) {
        workgroupBarrier();
        load_x(first_row, first_quad, thread);
        load_w(first_output_quad, first_quad, thread);
        workgroupBarrier();
        for (var k = 0u; k < STEP; k += 1u) {
            //#repeat q ROW_QUADS
            let a_${q} = tile_x[k * STRIDE_X + thread_row + ${q}u * THREAD_ROWS];
            //#end
            //#repeat c COLUMN_QUADS
            let b_${c} = tile_w[k * STRIDE_W + thread_column + ${c}u * THREAD_COLUMNS];
            //#end
            //#repeat q ROW_QUADS
            //#repeat i 4
            //#repeat c COLUMN_QUADS
            sum_${q*4+i}_${c} += a_${q}[${i}] * b_${c};
            //#end
            //#end
            //#end
        }
    }
    //#if FAULT
    if (params.fault == 1u && group.x + group.y == 0u) {
        sum_0_0 += vec4<f32>(1.0);
    }
    //#end
    // A loop, so that what follows the sums is compiled once.
    for (var part = 0u; part < ${ROWS*COLUMN_QUADS}u; part += 1u) {
        let r = part / ${COLUMN_QUADS}u;
        let c = part % ${COLUMN_QUADS}u;
        var sums = vec4<f32>();
        switch (part) {
            //#repeat r ROWS
            //#repeat c COLUMN_QUADS
            case ${r*COLUMN_QUADS+c}u: {
                sums = sum_${r}_${c};
            }
            //#end
            //#end
            default: {
            }
        }
        let row = first_row + (thread_row + r / 4u * THREAD_ROWS) * 4u + r % 4u;
        store(row, first_output_quad + thread_column + c * THREAD_COLUMNS, sums);
    }
}
