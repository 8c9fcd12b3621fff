// SelectRows: the first row of each text, one workgroup per text. The scalar twin is `reference_select_rows`.

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
    let first = texts[group.x].x * params.row_quads;
    for (var quad = thread; quad < params.row_quads; quad += 64u) {
        y[group.x * params.row_quads + quad] = x[first + quad];
    }
}
