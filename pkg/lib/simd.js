// Detects SIMD support by validating two tiny modules. The modules are never run.

// (module (func (result v128) i32.const 0 i8x16.splat))
const PLAIN_SIMD_MODULE = [
  0, 97, 115, 109, 1, 0, 0, 0, // magic, version 1
  1, 5, 1, 96, 0, 1, 123, // types: () -> v128
  3, 2, 1, 0, // functions: one of type 0
  10, 8, 1, 6, 0, 65, 0, 253, 15, 11, // code: i32.const 0, i8x16.splat, end
];

// (module (func (result v128)
//   (i16x8.relaxed_dot_i8x16_i7x16_s (i8x16.splat (i32.const 0)) (i8x16.splat (i32.const 0)))))
const RELAXED_SIMD_MODULE = [
  0, 97, 115, 109, 1, 0, 0, 0,
  1, 5, 1, 96, 0, 1, 123,
  3, 2, 1, 0,
  10, 15, 1, 13, 0, 65, 0, 253, 15, 65, 0, 253, 15, 253, 146, 2, 11, // two splats, 0xfd 0x112, end
];

/** Returns whether the engine has WebAssembly SIMD. */
export const hasSimd = () => validates(PLAIN_SIMD_MODULE);
/** Returns whether the engine has relaxed SIMD. */
export const hasRelaxedSimd = () => validates(RELAXED_SIMD_MODULE);

function validates(bytes) {
  return typeof WebAssembly === "object" && WebAssembly.validate(Uint8Array.from(bytes));
}
