// Checks a product: the sum of each row of y = x · Wᵀ + bias must equal x · (the sums of W's columns) + the sum of the
// bias. One workgroup per row. It finds workgroups whose results were lost.
//
// errors has one number per row: the largest difference so far, in parts of the limit.

struct Params {
    input_quads: u32,
    output_quads: u32,
    outputs: u32,
    bias_sum: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> errors: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> y: array<vec4<f32>>;
// The sums of the columns of W, times the input factors.
@group(0) @binding(4) var<storage, read> column_sums: array<vec4<f32>>;

const THREADS: u32 = 64u;

// Expected sum, actual sum, sum of squares.
var<workgroup> partial_sums: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    var sums = vec4<f32>();
    for (var quad = thread; quad < params.input_quads; quad += THREADS) {
        sums.x += dot(x[group.x * params.input_quads + quad], column_sums[quad]);
    }
    for (var quad = thread; quad < params.output_quads; quad += THREADS) {
        let values = y[group.x * params.output_quads + quad];
        sums.y += dot(values, vec4<f32>(1.0));
        sums.z += dot(values, values);
    }
    partial_sums[thread] = sums;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) {
            partial_sums[thread] += partial_sums[thread + half];
        }
    }
    workgroupBarrier();
    if (thread == 0u) {
        let difference = abs(partial_sums[0].y - partial_sums[0].x - params.bias_sum);
        // A tile of 64 lost results changes the sum by 8 times their root mean square; 13 bits per input by a tenth.
        let limit = sqrt(partial_sums[0].z / f32(params.outputs)) + 1.0e-6;
        let error = difference / limit;
        // max() may leave out a number that is not finite, and comparisons may take it for any number.
        let is_finite = (bitcast<u32>(error) & 0x7f800000u) != 0x7f800000u;
        errors[group.x] = max(errors[group.x], select(2.0, error, is_finite));
    }
}
