// The operands of a Linear in floats, and what follows the sums. Included by the variants of Linear.
//
// x is [rows, input_quads], weight is [outputs, input_quads], 4 inputs per element. factors has one quad per quad of
// inputs.

//#include product

@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
//#if F32
@group(0) @binding(3) var<storage, read> weight: array<vec4<f32>>;
//#end
//#if F16
@group(0) @binding(3) var<storage, read> weight: array<vec2<u32>>;
//#end
//#if I8
@group(0) @binding(3) var<storage, read> weight: array<u32>;

//#include signed_bytes
//#end
//#if I4
@group(0) @binding(3) var<storage, read> weight: array<u32>;
//#end
//#if FACTORS
@group(0) @binding(5) var<storage, read> factors: array<vec4<f32>>;
//#end
//#if I4
// Scale and zero point of each block of 32 inputs, [outputs, blocks].
@group(0) @binding(${BLOCKS_BINDING}) var<storage, read> blocks: array<vec2<f32>>;
//#end

fn x_quad(row: u32, quad: u32) -> vec4<f32> {
    return x[min(row, params.rows - 1u) * params.input_quads + quad];
}

fn input_factor(quad: u32) -> vec4<f32> {
    //#if FACTORS
    return factors[quad];
    //#else
    return vec4<f32>(1.0);
    //#end
}

fn weight_quad(output: u32, quad: u32) -> vec4<f32> {
    //#if F32
    return weight[output * params.input_quads + quad];
    //#end
    //#if F16
    // By hand, because unpack2x16float is not on every device. Numbers below 0x400 have no leading 1.
    let words = weight[output * params.input_quads + quad];
    let halves = vec4<u32>(words.x & 0xffffu, words.x >> 16u, words.y & 0xffffu, words.y >> 16u);
    let magnitudes = halves & vec4<u32>(0x7fffu);
    let normal = bitcast<vec4<f32>>((magnitudes << vec4<u32>(13u)) + vec4<u32>(0x38000000u));
    let small = vec4<f32>(magnitudes) * 5.9604645e-8;
    let values = select(normal, small, magnitudes < vec4<u32>(0x400u));
    let signs = (halves & vec4<u32>(0x8000u)) << vec4<u32>(16u);
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(values) | signs);
    //#end
    //#if I8
    let bytes = signed_bytes(weight[output * params.input_quads + quad]);
    return bytes - vec4<f32>(vectors[params.output_quads + output / 4u][output % 4u]);
    //#end
    //#if I4
    // A block is 4 words of 8 inputs, 8 quads.
    let stride = (params.input_quads + 7u) / 8u;
    let block = output * stride + quad / 8u;
    let word = weight[block * 4u + (quad % 8u) / 2u] >> ((quad % 2u) * 16u);
    let q = vec4<f32>((vec4<u32>(word) >> vec4<u32>(0u, 4u, 8u, 12u)) & vec4<u32>(15u));
    return (q - vec4<f32>(blocks[block].y)) * blocks[block].x;
    //#end
}

fn finish(output_quad: u32, sums: vec4<f32>) -> vec4<f32> {
    return activate(sums * vectors[output_quad] + bias(output_quad));
}
