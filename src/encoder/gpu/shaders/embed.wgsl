// Embed: y = LayerNorm(word[id] + token_type[type] + position[p]), one workgroup per token. The scalar twin is
// `reference_embed`.

struct Params {
    width: u32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
// Per token: id, type, row of the position table.
@group(0) @binding(2) var<storage, read> tokens: array<vec4<u32>>;
// The rows of token types, then those of positions.
@group(0) @binding(3) var<storage, read> tables: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> norm: array<vec4<f32>>;
//#if F32
@group(0) @binding(5) var<storage, read> words: array<vec4<f32>>;
//#end
//#if I8
@group(0) @binding(5) var<storage, read> words: array<u32>;
@group(0) @binding(6) var<storage, read> word_scales: array<f32>;

//#include signed_bytes
//#end

//#include layer_norm

fn word_quad(id: u32, quad: u32) -> vec4<f32> {
    let at = id * ((params.width + 3u) / 4u) + quad;
    //#if F32
    return words[at];
    //#end
    //#if I8
    return signed_bytes(words[at]) * word_scales[id];
    //#end
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let quads = (params.width + 3u) / 4u;
    let start = group.x * quads;
    let token = tokens[group.x];
    var sum = vec4<f32>();
    for (var quad = thread; quad < quads; quad += THREADS) {
        var values = word_quad(token.x, quad);
        //#if TYPES
        values += tables[token.y * quads + quad];
        //#end
        //#if POSITIONS
        values += tables[token.z * quads + quad];
        //#end
        y[start + quad] = values;
        sum += values;
    }
    normalize_row(start, sum, thread);
}
