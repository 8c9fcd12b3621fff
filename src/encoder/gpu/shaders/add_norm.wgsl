// AddNorm: y = LayerNorm(a + b), one workgroup per row. The scalar twin is `reference_add_norm`.

struct Params {
    width: u32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> norm: array<vec4<f32>>;

//#include layer_norm

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let quads = (params.width + 3u) / 4u;
    let start = group.x * quads;
    var sum = vec4<f32>();
    for (var quad = thread; quad < quads; quad += THREADS) {
        let values = a[start + quad] + b[start + quad];
        y[start + quad] = values;
        sum += values;
    }
    normalize_row(start, sum, thread);
}
