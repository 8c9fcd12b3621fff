//! naga validates every template in every configuration. No GPU is needed.

use wgpu::naga::front::wgsl::parse_str;
use wgpu::naga::valid::{Capabilities, ValidationFlags, Validator};

use crate::encoder::gpu::shaders::{LinearVariant, Shader, WeightFormat};
use crate::encoder::spec::AttentionSpec;

/// Returns every configuration that the back end can ask for.
fn all() -> Vec<Shader> {
    let mut all = vec![
        Shader::add_norm(),
        Shader::linear_check(),
        Shader::select_rows(),
        Shader::mean_rows(),
        Shader::normalize(),
    ];
    for format in [WeightFormat::F32, WeightFormat::F16, WeightFormat::I8, WeightFormat::I4] {
        for variant in [LinearVariant::FewRows, LinearVariant::Tiled8, LinearVariant::Tiled4] {
            all.extend([false, true].map(|factors| Shader::linear(variant, format, factors)));
        }
    }
    all.extend([Shader::linear_i8_exact(), Shader::linear_i8_blocks()]);
    all.extend([false, true].map(Shader::clip));
    all.extend([false, true].map(Shader::quantize_rows));
    all.extend([false, true].map(Shader::quantize_blocks));
    for words in [WeightFormat::F32, WeightFormat::I8] {
        for (types, positions) in [(false, false), (true, false), (false, true), (true, true)] {
            all.push(Shader::embed(words, types, positions));
        }
    }
    for head_size in (4..=256).step_by(4) {
        let spec = AttentionSpec::new(head_size, 1);
        all.extend(Shader::attention(&spec));
        all.extend(Shader::attention(&AttentionSpec { score_range: [-1.0, 1.0], ..spec }));
    }
    let faulty: Vec<Shader> = all.iter().cloned().map(Shader::with_fault).collect();
    all.extend(faulty);
    all
}

#[test]
fn every_configuration_is_valid_within_the_default_limits() {
    let all = all();
    assert!(all.len() > 300, "{}", all.len());
    for shader in all {
        let wgsl = shader.wgsl().unwrap();
        let name = format!("{shader:?}");
        let module = parse_str(&wgsl).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&wgsl)));
        let checked = Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module);
        let info = checked.unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&wgsl)));
        let entry = &module.entry_points[0];
        assert!(entry.workgroup_size[0] <= 256 && entry.workgroup_size[1..] == [1, 1], "{name}");
        let mut memory = 0;
        let mut buffers = 0;
        for (handle, variable) in module.global_variables.iter() {
            let is_used = !info.get_entry_point(0)[handle].is_empty();
            match variable.space {
                wgpu::naga::AddressSpace::WorkGroup => {
                    memory += module.types[variable.ty].inner.size(module.to_ctx());
                }
                wgpu::naga::AddressSpace::Storage { .. } => buffers += u32::from(is_used),
                _ => {}
            }
        }
        assert!(memory <= 16 << 10, "{name}: {memory} bytes of workgroup memory");
        assert!(buffers <= 8 && buffers <= shader.inputs + 1, "{name}: {buffers} storage buffers");
        for word in ["enable ", "subgroup", "vec3<f32>", "f16>"] {
            assert!(!wgsl.contains(word), "{name}: {word}");
        }
    }
}

#[test]
fn corrupt_shaders_are_rejected() {
    let wgsl = Shader::add_norm().corrupt().wgsl().unwrap();
    assert!(parse_str(&wgsl).is_err());
}
