#!/usr/bin/env bash
# Runs every benchmark, and writes docs/benchmarks.md with its charts out of what they measured. A
# missed target is told, does not stop the others, and fails the run in the end.
#
# Everything is built before: the functions as they are shipped, and the release build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TARGET=$(realpath "${CARGO_TARGET_DIR:-target}")
readonly TARGET RELEASE=$TARGET/release
SOCI_BENCH_RESULTS=$TARGET/bench/results
export SOCI_BENCH_RESULTS
CARGO=${CARGO:-cargo}

main() {
  local missed=0 architecture=x86_64
  [ "$(uname -m)" != aarch64 ] || architecture=aarch64
  rm -rf "$SOCI_BENCH_RESULTS"
  mkdir -p "$SOCI_BENCH_RESULTS"
  "$CARGO" bench --package soci --package soci-cli --bench kernels --bench ratios --locked || missed=1
  "$TARGET/debug/costs" "$TARGET/$architecture-unknown-linux-gnu/lambda" "$RELEASE/soci" || missed=1
  "$CARGO" bench --quiet --package tfplugin-sdk --bench startup --locked -- \
    "$RELEASE/terraform-provider-soci" | tee "$SOCI_BENCH_RESULTS/provider.txt" || missed=1
  "$CARGO" bench --quiet --workspace --bench page --profile dev --locked -- "$SOCI_BENCH_RESULTS"
  echo "bench: docs/benchmarks.md is written"
  return "$missed"
}

main
