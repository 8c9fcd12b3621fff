// Four signed bytes of a word. Shifts keep the sign of each byte. unpack4xI8 is not in every browser.

fn signed_bytes(word: u32) -> vec4<f32> {
    let bytes = bitcast<vec4<i32>>(vec4<u32>(word << 24u, word << 16u, word << 8u, word)) >> vec4<u32>(24u);
    return vec4<f32>(bytes);
}
