// Linear in integers: the sums of the CPU's exact kernel, bit for bit. The scalar twin is `reference_linear_i8`.
//
// A row of x has up to 13 bits, as two planes of signed bytes (quantize_rows.wgsl): q = 128 · high + low. It has the bits
// of the scale, the sum of q, the words of the high plane, the words of the low plane. The sum of 4 products is one
// dot4I8Packed per plane. The sum of q · (w − zero) is that of q · w, less zero · the sum of q.

alias Sum = vec4<i32>;

var<workgroup> tile_high: array<vec4<u32>, 272>;
var<workgroup> tile_low: array<vec4<u32>, 272>;

//#include rounded

fn row_words() -> u32 {
    return 2u + 2u * params.input_quads;
}

fn result(row: u32, output_quad: u32, sums: vec4<i32>) -> vec4<f32> {
    let start = row * row_words();
    let zero_points = vec4<i32>(vectors[params.output_quads + output_quad]);
    let exact = sums - zero_points * bitcast<i32>(x[start + 1u]);
    let scale = rounded(vectors[output_quad] * bitcast<f32>(x[start]));
    return activate(rounded(vec4<f32>(exact) * scale) + bias(output_quad));
}

//#define load
var high = vec4<u32>();
var low = vec4<u32>();
if (quad < params.input_quads) {
    let first = starts + vec4<u32>(2u + quad);
    high = words(first);
    low = words(first + vec4<u32>(params.input_quads));
}
tile_high[at] = high;
tile_low[at] = low;
//#end
//#define multiply
for (var k = 0u; k < STEP_QUADS; k += 1u) {
    let high = tile_high[k * STRIDE + thread_row];
    let low = tile_low[k * STRIDE + thread_row];
    let w = tile_w[k * STRIDE + thread_column];
    //#repeat i 4
    sum_${i} += (dots(high[${i}], w) << vec4<u32>(7u)) + dots(low[${i}], w);
    //#end
}
//#end
//#include linear_i8
