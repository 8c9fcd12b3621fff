// Attention: context = softmax(q · kᵀ · scale) · v for a block of queries of one text and one head. The scalar twin is
// `reference_attention`.
//
// One pass over the keys in blocks of KEYS. The softmax is updated per block: `most` is the largest score so far, and
// sums are multiplied by exp(old − new) when it grows. Keys and values take turns in one tile of workgroup memory.

struct Params {
    scale: f32,
    low: f32,
    high: f32,
    // Quads of a row of the context, of q, and of k and v.
    row_quads: u32,
    q_quads: u32,
    kv_quads: u32,
    // The first quad of k and of v in their rows. q is at the start.
    k_first: u32,
    v_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> context: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> k: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> v: array<vec4<f32>>;
// Per workgroup: the first row of q, the number of rows, the first and the end row of k and v.
@group(0) @binding(5) var<storage, read> blocks: array<vec4<u32>>;

const THREADS: u32 = 64u;
const QUERIES: u32 = ${QUERIES}u;
const KEYS: u32 = ${KEYS}u;
const HEAD_QUADS: u32 = ${HEAD_QUADS}u;
// Threads per query.
const LANES: u32 = THREADS / QUERIES;
const STRIDE: u32 = HEAD_QUADS + 1u;

var<workgroup> tile_q: array<vec4<f32>, ${TILE_Q}>;
var<workgroup> tile: array<vec4<f32>, ${TILE}>;
var<workgroup> scores: array<f32, ${SCORES}>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let block = blocks[group.x];
    let head = group.y * HEAD_QUADS;
    let query = thread / LANES;
    let lane = thread % LANES;
    for (var i = thread; i < QUERIES * HEAD_QUADS; i += THREADS) {
        let row = block.x + min(i / HEAD_QUADS, block.y - 1u);
        tile_q[i] = q[row * params.q_quads + head + i % HEAD_QUADS] * params.scale;
    }
    var most = -3.0e38;
    var total = 0.0;
    //#repeat c LANE_QUADS
    var sum_${c} = vec4<f32>();
    //#end
    for (var first = block.z; first < block.w; first += KEYS) {
        let keys = min(KEYS, block.w - first);
        workgroupBarrier();
        for (var i = thread; i < keys * HEAD_QUADS; i += THREADS) {
            let row = first + i / HEAD_QUADS;
            let at = row * params.kv_quads + params.k_first + head + i % HEAD_QUADS;
            tile[i / HEAD_QUADS * STRIDE + i % HEAD_QUADS] = k[at];
        }
        workgroupBarrier();
        for (var key = lane; key < keys; key += LANES) {
            var score = 0.0;
            for (var quad = 0u; quad < HEAD_QUADS; quad += 1u) {
                score += dot(tile_q[query * HEAD_QUADS + quad], tile[key * STRIDE + quad]);
            }
            //#if CLIP
            score = clamp(score, params.low, params.high);
            //#end
            scores[query * KEYS + key] = score;
        }
        workgroupBarrier();
        var block_most = most;
        for (var key = 0u; key < keys; key += 1u) {
            block_most = max(block_most, scores[query * KEYS + key]);
        }
        let shrink = exp(most - block_most);
        most = block_most;
        total *= shrink;
        //#repeat c LANE_QUADS
        sum_${c} *= shrink;
        //#end
        for (var i = thread; i < keys * HEAD_QUADS; i += THREADS) {
            let row = first + i / HEAD_QUADS;
            let at = row * params.kv_quads + params.v_first + head + i % HEAD_QUADS;
            tile[i / HEAD_QUADS * STRIDE + i % HEAD_QUADS] = v[at];
        }
        workgroupBarrier();
        for (var key = 0u; key < keys; key += 1u) {
            let weight = exp(scores[query * KEYS + key] - most);
            total += weight;
            //#repeat c LANE_QUADS
            sum_${c} += weight * tile[key * STRIDE + min(lane + ${c}u * LANES, HEAD_QUADS - 1u)];
            //#end
        }
    }
    if (query < block.y) {
        let at = (block.x + query) * params.row_quads + head;
        //#repeat c LANE_QUADS
        if (lane + ${c}u * LANES < HEAD_QUADS) {
            context[at + lane + ${c}u * LANES] = sum_${c} / total;
        }
        //#end
    }
}
