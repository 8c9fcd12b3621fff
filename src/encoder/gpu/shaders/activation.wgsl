// The activation functions, by the number of `activation_code`. Chosen while the shader runs, so that each variant of a
// product is compiled once. The scalar twin is `reference_activation`. Included after `params`.

// x·Φ(x), by formula 7.1.26 of Abramowitz and Stegun for erf, whose error is below 1.5e-7. `tail` is erfc(|x|/√2).
fn gelu(x: vec4<f32>) -> vec4<f32> {
    let z = abs(x) * 0.70710678;
    let t = 1.0 / (1.0 + 0.3275911 * z);
    let series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    let tail = series * exp(-z * z);
    return select(0.5 * x * tail, x * (1.0 - 0.5 * tail), x >= vec4<f32>(0.0));
}

// x / (1 + exp(−2u)), which is 0.5 · x · (1 + tanh u). The exponent is bounded because infinities are not portable.
fn gelu_tanh(x: vec4<f32>) -> vec4<f32> {
    let u = 0.7978845608 * (x + 0.044715 * x * x * x);
    return x / (1.0 + exp(min(-2.0 * u, vec4<f32>(80.0))));
}

fn activate(x: vec4<f32>) -> vec4<f32> {
    var y = x;
    switch (params.activation) {
        case 1u: {
            y = gelu(x);
        }
        case 2u: {
            y = gelu_tanh(x);
        }
        case 3u: {
            y = max(x, vec4<f32>(0.0));
        }
        case 4u: {
            // Some drivers compute tanh by exponentials that overflow. From 10 on tanh is 1 in f32.
            y = tanh(clamp(x, vec4<f32>(-10.0), vec4<f32>(10.0)));
        }
        default: {
        }
    }
    return y;
}
