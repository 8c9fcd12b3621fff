// Linear for few rows: y = act(x · Wᵀ + bias). The scalar twin is `reference_linear`.
//
// The time is that of reading the weights, so each weight is read once per 16 rows. A workgroup computes 16 rows of 16
// outputs; 8 threads (lanes) share the inputs of a pair of outputs, and their sums are added up in workgroup memory.

//#include weight

const THREADS: u32 = 64u;
const LANES: u32 = 8u;
const STEP_QUADS: u32 = 16u;
const ROW_QUADS: u32 = 4u;

// [input][row quad]
var<workgroup> tile_x: array<vec4<f32>, 256>;
// [lane][output][row quad]
var<workgroup> partial_sums: array<vec4<f32>, 512>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let first_row = group.y * 16u;
    let lane = thread % LANES;
    let pair = thread / LANES;
    let last_output = params.output_quads * 4u - 1u;
    let output_0 = min(group.x * 16u + pair * 2u, last_output);
    let output_1 = min(group.x * 16u + pair * 2u + 1u, last_output);
    //#repeat c 2
    //#repeat q 4
    var sum_${c}_${q} = vec4<f32>();
    //#end
    //#end
    for (var first_quad = 0u; first_quad < params.input_quads; first_quad += STEP_QUADS) {
        workgroupBarrier();
        // One unit per thread: 16 quads of inputs by 4 quads of rows.
        let step_quad = thread % STEP_QUADS;
        let row_quad = thread / STEP_QUADS;
        var columns = mat4x4<f32>();
        if (first_quad + step_quad < params.input_quads) {
            let quad = first_quad + step_quad;
            let factor = input_factor(quad);
            columns = transpose(mat4x4<f32>(
                x_quad(first_row + row_quad * 4u, quad) * factor,
                x_quad(first_row + row_quad * 4u + 1u, quad) * factor,
                x_quad(first_row + row_quad * 4u + 2u, quad) * factor,
                x_quad(first_row + row_quad * 4u + 3u, quad) * factor,
            ));
        }
        for (var i = 0u; i < 4u; i += 1u) {
            tile_x[(step_quad * 4u + i) * ROW_QUADS + row_quad] = columns[i];
        }
        workgroupBarrier();
        for (var step_quad = lane; step_quad < STEP_QUADS; step_quad += LANES) {
            let quad = first_quad + step_quad;
            if (quad < params.input_quads) {
                let w_0 = weight_quad(output_0, quad);
                let w_1 = weight_quad(output_1, quad);
                //#repeat i 4
                //#repeat q 4
                let x_${i}_${q} = tile_x[(step_quad * 4u + ${i}u) * ROW_QUADS + ${q}u];
                sum_0_${q} += x_${i}_${q} * w_0[${i}];
                sum_1_${q} += x_${i}_${q} * w_1[${i}];
                //#end
                //#end
            }
        }
    }
    //#repeat c 2
    //#repeat q 4
    partial_sums[(lane * 16u + pair * 2u + ${c}u) * ROW_QUADS + ${q}u] = sum_${c}_${q};
    //#end
    //#end
    workgroupBarrier();
    // One quad of outputs of one row per thread.
    let row = thread / 4u;
    let column_quad = thread % 4u;
    let output_quad = group.x * 4u + column_quad;
    var sums = vec4<f32>();
    for (var from_lane = 0u; from_lane < LANES; from_lane += 1u) {
        let at = (from_lane * 16u + column_quad * 4u) * ROW_QUADS + row / 4u;
        sums += vec4<f32>(
            partial_sums[at][row % 4u],
            partial_sums[at + ROW_QUADS][row % 4u],
            partial_sums[at + 2u * ROW_QUADS][row % 4u],
            partial_sums[at + 3u * ROW_QUADS][row % 4u],
        );
    }
    //#if FAULT
    if (params.fault == 1u && group.x + group.y == 0u) {
        sums += vec4<f32>(1.0);
    }
    //#end
    let own_row = first_row + row;
    if (own_row < params.rows && output_quad < params.output_quads) {
        y[own_row * params.output_quads + output_quad] = finish(output_quad, sums);
    }
}
