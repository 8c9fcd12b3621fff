// MeanRows: the mean of the rows of each text, one workgroup per text. The scalar twin is `reference_mean_rows`.

struct Params {
    row_quads: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
// Per text: the first row and the end row.
@group(0) @binding(3) var<storage, read> texts: array<vec2<u32>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let rows = texts[group.x];
    for (var quad = thread; quad < params.row_quads; quad += 64u) {
        var sum = vec4<f32>();
        for (var row = rows.x; row < rows.y; row += 1u) {
            sum += x[row * params.row_quads + quad];
        }
        y[group.x * params.row_quads + quad] = sum / f32(max(rows.y - rows.x, 1u));
    }
}
