// Clip: y = activation(min(max(x + plus, low + shift), high + shift)), one workgroup per row. The scalar twin is
// `reference_clip`.

struct Params {
    width: u32,
    low: f32,
    high: f32,
    activation: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
// One quad per quad of columns.
@group(0) @binding(3) var<storage, read> shift: array<vec4<f32>>;
//#if PLUS
@group(0) @binding(4) var<storage, read> plus: array<vec4<f32>>;
//#end

const THREADS: u32 = 64u;

//#include activation

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let quads = (params.width + 3u) / 4u;
    for (var quad = thread; quad < quads; quad += THREADS) {
        let at = group.x * quads + quad;
        var values = x[at];
        //#if PLUS
        values += plus[at];
        //#end
        values = min(max(values, shift[quad] + params.low), shift[quad] + params.high);
        // Columns after the last one stay 0.
        let is_column = vec4<u32>(quad * 4u) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.width);
        y[at] = select(vec4<f32>(), activate(values), is_column);
    }
}
