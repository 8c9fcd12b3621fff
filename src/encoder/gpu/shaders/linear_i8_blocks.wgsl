// Linear of rows of 8 bits in blocks of 64 inputs (quantize_blocks.wgsl) and int8 weights. The sum of a block is exact;
// the blocks are added up in order in f32. The scalar twin is `reference_linear_i8_blocks`.
//
// A row of x has the bits of the scales of its blocks, then a word per quad of inputs. A block is a step.

alias Sum = vec4<f32>;

var<workgroup> tile_x: array<vec4<u32>, 272>;
var<workgroup> scales: array<vec4<f32>, 16>;

fn blocks() -> u32 {
    return (params.input_quads + STEP_QUADS - 1u) / STEP_QUADS;
}

fn row_words() -> u32 {
    return blocks() + params.input_quads;
}

fn result(row: u32, output_quad: u32, sums: vec4<f32>) -> vec4<f32> {
    return activate(sums * vectors[output_quad] + bias(output_quad));
}

//#define load
var row_quads = vec4<u32>();
if (quad < params.input_quads) {
    row_quads = words(starts + vec4<u32>(blocks() + quad));
}
tile_x[at] = row_quads;
if (thread_column == 0u) {
    scales[thread_row] = bitcast<vec4<f32>>(words(starts + vec4<u32>(first_quad / STEP_QUADS)));
}
//#end
//#define multiply
//#repeat i 4
var dot_${i} = vec4<i32>();
//#end
for (var k = 0u; k < STEP_QUADS; k += 1u) {
    let row_quads = tile_x[k * STRIDE + thread_row];
    let w = tile_w[k * STRIDE + thread_column];
    //#repeat i 4
    dot_${i} += dots(row_quads[${i}], w);
    //#end
}
let scale = scales[thread_row];
//#repeat i 4
sum_${i} += vec4<f32>(dot_${i}) * scale[${i}];
//#end
//#end
//#include linear_i8
