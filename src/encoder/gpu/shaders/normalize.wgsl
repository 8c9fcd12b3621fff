// Normalize: each row divided by its L2 norm, one workgroup per row. The scalar twin is `reference_normalize`.

struct Params {
    row_quads: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;

//#include row_sum

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let start = group.x * params.row_quads;
    var squares = 0.0;
    for (var quad = thread; quad < params.row_quads; quad += THREADS) {
        squares += dot(x[start + quad], x[start + quad]);
    }
    // A norm below 1e-12 counts as 1e-12. Its square would be a small normal number.
    let norm = max(sqrt(total(squares, thread)), 1.0e-12);
    for (var quad = thread; quad < params.row_quads; quad += THREADS) {
        y[start + quad] = x[start + quad] / norm;
    }
}
