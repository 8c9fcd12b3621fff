# shellcheck shell=bash
# `./build.sh release`: what a release needs beyond CI. Fuzz targets take ten minutes to compile, the binaries that ship
# as long, and candle takes seven, so CI has none of them. The accuracy tests measure every text here, and every third one in CI.

cmd_release() {
  (($# == 0)) || die "release takes no argument, not '$1'"
  cmd_lint
  COROM_ALL_TEXTS=1 cmd_test
  test_train
  COROM_ALL_TEXTS=1 test_gpu
  cmd_fuzz --seconds 300
  # Last, so that pkg/ has what ships. It fails if a file exceeds its budget.
  cmd_build
}
