// Quantizes rows for linear_i8_exact.wgsl: scale = m / max, q = round(x · (max / m)), with m the largest magnitude of
// a row. The scalar twin is `reference_quantize_row`, with the same bits.
//
// A division of WGSL has an error of up to 2.5 units in the last place, so the two quotients of a row are computed in
// integers. A row with a NaN or an infinity has the scale NaN and q = 0.
//
// Per row, y has the bits of the scale, the sum of q, the words of the high plane, the words of the low plane.

var<workgroup> totals: array<i32, 64>;

//#include quantize

// Returns a / b · 2^e, rounded to the nearest float, ties to even. a and b are below 2^24 and not 0, and the result is
// a normal number.
fn divide(a: u32, b: u32, e: i32) -> f32 {
    var quotient = a / b;
    var remainder = a % b;
    var shift = 0;
    while (quotient < 0x1000000u) {
        remainder *= 2u;
        quotient *= 2u;
        if (remainder >= b) {
            remainder -= b;
            quotient += 1u;
        }
        shift += 1;
    }
    // 24 bits and one more, which says how to round.
    var significand = quotient >> 1u;
    let is_above_half = remainder != 0u || (significand & 1u) == 1u;
    if ((quotient & 1u) == 1u && is_above_half) {
        significand += 1u;
    }
    let exponent = u32(127 + 24 - shift + e);
    // A significand of 2^24 carries into the exponent.
    return bitcast<f32>((exponent << 23u) + (significand - 0x800000u));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row = group.x;
    var most = 0u;
    for (var quad = thread; quad < params.input_quads; quad += THREADS) {
        most = max(most, largest_bits(value(row, quad)));
    }
    largest[thread] = most;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) {
            largest[thread] = max(largest[thread], largest[thread + half]);
        }
    }
    workgroupBarrier();
    let bits = largest[0];
    var scale = 0u;
    var inverse = 0.0;
    if (bits >= INFINITY_BITS) {
        scale = NAN_BITS;
    } else if (bits >= LEAST_BITS) {
        let exponent = i32(bits >> 23u) - 150;
        let significand = (bits & 0x7fffffu) | 0x800000u;
        scale = bitcast<u32>(divide(significand, params.max, exponent));
        inverse = divide(params.max, significand, -exponent);
    }
    let start = row * (2u + 2u * params.input_quads);
    var total = 0;
    for (var quad = thread; quad < params.input_quads; quad += THREADS) {
        var q = vec4<i32>();
        if (inverse > 0.0) {
            q = vec4<i32>(round(value(row, quad) * inverse));
        }
        let high = (q + vec4<i32>(64)) >> vec4<u32>(7u);
        let low = q - high * 128;
        y[start + 2u + quad] = packed(high);
        y[start + 2u + params.input_quads + quad] = packed(low);
        total += q.x + q.y + q.z + q.w;
    }
    totals[thread] = total;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) {
            totals[thread] += totals[thread + half];
        }
    }
    if (thread == 0u) {
        y[start] = scale;
        y[start + 1u] = bitcast<u32>(totals[0]);
    }
}
