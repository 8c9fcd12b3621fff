//! The activation functions of a Dense layer, by the names of PyTorch's classes.
//!
//! Functions are computed in f64 and rounded once, so that a value has the same bits on every machine.

use serde::{Deserialize, Serialize};

/// An activation function, with PyTorch's default parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadActivation {
    /// `x`.
    Identity,
    /// Hyperbolic tangent.
    Tanh,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x` times the normal distribution function, with erf.
    Gelu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `log(1 / (1 + exp(-x)))`.
    LogSigmoid,
    /// `x` times the sigmoid of `x`, also called swish.
    Silu,
    /// `x`, and for negative values `0.01 x`.
    LeakyRelu,
    /// `x`, and for negative values `exp(x) - 1`.
    Elu,
    /// `1.0507… x`, and for negative values `1.7580… (exp(x) - 1)`.
    Selu,
    /// `log(1 + exp(x))`.
    Softplus,
    /// `x / (1 + |x|)`.
    Softsign,
    /// `x` times the hyperbolic tangent of the softplus of `x`.
    Mish,
    /// `x` limited to -1 to 1.
    Hardtanh,
}

impl HeadActivation {
    /// Returns the function of a PyTorch class by its path, `torch.nn.modules.activation.Tanh`. Returns
    /// `None` for a class outside `torch.nn` and for a class that is not in the list.
    ///
    /// ```
    /// use corom::head::HeadActivation;
    ///
    /// let tanh = HeadActivation::of_torch_class("torch.nn.modules.activation.Tanh");
    /// assert_eq!(tanh, Some(HeadActivation::Tanh));
    /// assert_eq!(HeadActivation::of_torch_class("my_model.Tanh"), None);
    /// ```
    pub fn of_torch_class(path: &str) -> Option<Self> {
        let (module, class) = path.rsplit_once('.')?;
        if module != "torch.nn" && !module.starts_with("torch.nn.modules.") {
            return None;
        }
        Some(match class {
            "Identity" => Self::Identity,
            "Tanh" => Self::Tanh,
            "ReLU" => Self::Relu,
            "ReLU6" => Self::Relu6,
            "GELU" => Self::Gelu,
            "Sigmoid" => Self::Sigmoid,
            "LogSigmoid" => Self::LogSigmoid,
            "SiLU" => Self::Silu,
            "LeakyReLU" => Self::LeakyRelu,
            "ELU" => Self::Elu,
            "SELU" => Self::Selu,
            "Softplus" => Self::Softplus,
            "Softsign" => Self::Softsign,
            "Mish" => Self::Mish,
            "Hardtanh" => Self::Hardtanh,
            _ => return None,
        })
    }

    /// Returns the value of the function at `x`. NaN gives NaN.
    pub fn apply(self, x: f32) -> f32 {
        let x = f64::from(x);
        let y = match self {
            Self::Identity => x,
            Self::Tanh => x.tanh(),
            Self::Relu => keep_nan(x, x.max(0.0)),
            Self::Relu6 => keep_nan(x, x.clamp(0.0, 6.0)),
            Self::Gelu => 0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)),
            Self::Sigmoid => sigmoid(x),
            Self::LogSigmoid => -softplus(-x),
            Self::Silu => x * sigmoid(x),
            Self::LeakyRelu => {
                if x < 0.0 {
                    0.01 * x
                } else {
                    x
                }
            }
            Self::Elu => {
                if x < 0.0 {
                    x.exp_m1()
                } else {
                    x
                }
            }
            Self::Selu => SELU_SCALE * if x < 0.0 { SELU_ALPHA * x.exp_m1() } else { x },
            Self::Softplus => softplus(x),
            Self::Softsign => x / (1.0 + x.abs()),
            Self::Mish => x * softplus(x).tanh(),
            Self::Hardtanh => keep_nan(x, x.clamp(-1.0, 1.0)),
        };
        y as f32
    }
}

const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

fn keep_nan(x: f64, y: f64) -> f64 {
    if x.is_nan() { x } else { y }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Returns `log(1 + exp(x))` without overflow.
fn softplus(x: f64) -> f64 {
    keep_nan(x, x.max(0.0)) + (-x.abs()).exp().ln_1p()
}

/// Returns the error function by a series with positive terms only, which loses no digits:
/// `erf(x) = 2 / sqrt(π) · exp(-x²) · Σ 2ⁿ x²ⁿ⁺¹ / (1 · 3 · … · (2n + 1))`.
fn erf(x: f64) -> f64 {
    // Beyond 6, erf is 1 to the last bit.
    if x.is_nan() || x.abs() > 6.0 {
        return keep_nan(x, x.signum());
    }
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
        n += 1.0;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PyTorch's values at -3, -0.5, 0.25 and 8 (float64, rounded).
    const CASES: [(&str, [f64; 4]); 15] = [
        ("linear.Identity", [-3.0, -0.5, 0.25, 8.0]),
        ("activation.Tanh", [-0.995054753, -0.462117157, 0.244918662, 0.999999775]),
        ("activation.ReLU", [0.0, 0.0, 0.25, 8.0]),
        ("activation.ReLU6", [0.0, 0.0, 0.25, 6.0]),
        ("activation.GELU", [-0.004049694, -0.154268769, 0.149676581, 8.0]),
        ("activation.Sigmoid", [0.047425873, 0.377540669, 0.562176501, 0.999664650]),
        ("activation.LogSigmoid", [-3.048587352, -0.974076984, -0.575939420, -0.000335406]),
        ("activation.SiLU", [-0.142277620, -0.188770334, 0.140544125, 7.997317199]),
        ("activation.LeakyReLU", [-0.03, -0.005, 0.25, 8.0]),
        ("activation.ELU", [-0.950212932, -0.393469340, 0.25, 8.0]),
        ("activation.SELU", [-1.670568728, -0.691758188, 0.262675247, 8.405607899]),
        ("activation.Softplus", [0.048587352, 0.474076984, 0.825939420, 8.000335406]),
        ("activation.Softsign", [-0.75, -0.333333333, 0.2, 0.888888889]),
        ("activation.Mish", [-0.145647461, -0.220743775, 0.169572410, 7.999998201]),
        ("activation.Hardtanh", [-1.0, -0.5, 0.25, 1.0]),
    ];

    #[test]
    fn activations_give_the_values_of_pytorch() {
        for (class, expected) in CASES {
            let activation = HeadActivation::of_torch_class(&format!("torch.nn.modules.{class}")).unwrap();
            for (x, y) in [-3.0, -0.5, 0.25, 8.0].into_iter().zip(expected) {
                let got = f64::from(activation.apply(x));
                assert!((got - y).abs() <= 1e-6 * y.abs().max(1e-3), "{class}({x}) is {got}, expected {y}");
            }
            assert!(activation.apply(f32::NAN).is_nan(), "{class}");
            assert!(!activation.apply(-500.0).is_nan() && !activation.apply(500.0).is_nan(), "{class}");
        }
    }

    #[test]
    fn of_torch_class_rejects_other_classes() {
        for path in [
            "Tanh",
            "torch.nn.modules.activation.PReLU",
            "custom.nn.modules.activation.Tanh",
            "",
            "torch.tanh",
        ] {
            assert_eq!(HeadActivation::of_torch_class(path), None, "{path}");
        }
    }
}
