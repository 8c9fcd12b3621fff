# shellcheck shell=bash
# `./build.sh release`: what a release needs beyond CI. Fuzz targets take ten minutes to compile, the binaries that ship
# as long, so CI has neither.

cmd_release() {
  (($# == 0)) || die "release takes no argument, not '$1'"
  cmd_lint
  cmd_test
  cmd_fuzz --seconds 300
  # Last, so that pkg/ has what ships. It fails if a file exceeds its budget.
  cmd_build
}
