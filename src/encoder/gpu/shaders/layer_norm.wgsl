// The LayerNorm of a row, which is in `y` already. Included by Embed and AddNorm. The scalar twin is
// `reference_layer_norm`.
//
// norm is gamma, then beta, one quad per quad of columns. Columns from params.width on are 0 and do not count.

//#include row_sum

// Normalizes the row at `start`, of which this thread has written each quad from `thread` on. `sum` is the sum of
// these quads.
fn normalize_row(start: u32, sum: vec4<f32>, thread: u32) {
    let quads = (params.width + 3u) / 4u;
    let mean = total(dot(sum, vec4<f32>(1.0)), thread) / f32(params.width);
    var squares = 0.0;
    for (var quad = thread; quad < quads; quad += THREADS) {
        let is_column = vec4<u32>(quad * 4u) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.width);
        let distance = select(vec4<f32>(), y[start + quad] - mean, is_column);
        squares += dot(distance, distance);
    }
    let variance = total(squares, thread) / f32(params.width);
    let factor = 1.0 / sqrt(variance + params.eps);
    for (var quad = thread; quad < quads; quad += THREADS) {
        y[start + quad] = (y[start + quad] - mean) * factor * norm[quad] + norm[quads + quad];
    }
}
