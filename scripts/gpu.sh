# shellcheck shell=bash
# Tests the GPU back end (feature `gpu`) on a GPU that the processor emulates: SwiftShader, which Chromium has in its
# folder. COROM_GPU_ICD names the driver file of another one, or is "system" for the machine's own GPUs.

# The tests that need an adapter, or that compile shaders.
GPU_LIB_TESTS=(encoder::gpu:: encoder::op_tests::)

test_gpu() {
  need_rust
  gpu_driver
  # An adapter must exist. Without this variable the tests would do nothing on a machine without a GPU.
  export COROM_GPU_REQUIRED=1
  step "GPU back end: ops and shaders" cargo test --locked --features cli,gpu --lib -- "${GPU_LIB_TESTS[@]}"
  step "GPU back end: exports, faults, the command" cargo test --locked --features cli,gpu --test gpu
}

# Sets VK_ICD_FILENAMES to the driver, and installs the loader of drivers if it is missing.
gpu_driver() {
  [[ $(uname) == Linux ]] || { note "the machine's own GPUs are used"; return; }
  ldconfig -p | grep 'libvulkan\.so\.1' >/dev/null || step "loader of Vulkan drivers" apt_install libvulkan1
  [[ ${COROM_GPU_ICD-} != system ]] || return 0
  local icd=${COROM_GPU_ICD-}
  if [[ -z $icd ]]; then
    find_chromium
    local folder
    folder=$(dirname "$(readlink -f "$CHROMIUM")")
    for folder in "$folder" /usr/lib/chromium /opt/google/chrome; do
      [[ -f $folder/vk_swiftshader_icd.json ]] && icd=$folder/vk_swiftshader_icd.json && break
    done
    [[ -n $icd ]] || die "no SwiftShader beside Chromium: set COROM_GPU_ICD to a Vulkan driver's .json file, or to 'system'"
  fi
  export VK_ICD_FILENAMES=$icd VK_DRIVER_FILES=$icd
  note "Vulkan driver: $icd"
}
