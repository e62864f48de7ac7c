#!/usr/bin/env bash
# Builds what a release consists of into target/dist:
#
#   scripts/dist.sh                          everything for Linux, on x86_64 and arm64, and the checksums
#   scripts/dist.sh native PLATFORM TRIPLE   the programs of the machine that this runs on, such as
#                                            darwin_arm64, with the functions of SOCI_BUNDLE_DIR, and with
#                                            the pages that a run for Linux has left in target/dist-work
#   scripts/dist.sh sums                     the checksums of what is there
#
# The programs for Linux are static: see docs/design/0013-static-programs.md. One version of Rust builds
# them, in a directory of its own, so that every checkout of a commit gives the same bytes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly RUST=1.95.0
readonly TARGET="${CARGO_TARGET_DIR:-target}"
readonly DIST=$TARGET/dist
readonly PROGRAMS=(--package soci-cli --package terraform-provider-soci --bins)
CARGO=${CARGO:-cargo}
# shellcheck source=scripts/cross.sh
. scripts/cross.sh

# Rust for all targets, beside the one that the machine has.
install_rust() {
  RUSTUP_HOME="$(realpath "$TARGET")/dist-tools/rustup"
  export RUSTUP_HOME RUSTUP_TOOLCHAIN=$RUST
  local triple missing=()
  for triple in {x86_64,aarch64}-unknown-linux-{gnu,musl}; do
    [ -d "$RUSTUP_HOME/toolchains/$RUST-$(uname -m)-unknown-linux-gnu/lib/rustlib/$triple/lib" ] ||
      missing+=(--target "$triple")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "dist: installing Rust $RUST in $RUSTUP_HOME"
  rustup --quiet toolchain install "$RUST" --profile minimal --no-self-update "${missing[@]}"
}

# The program that packs is built in seconds, as for this machine.
dist() {
  env -u CARGO_ENCODED_RUSTFLAGS -u CFLAGS "$CARGO" run --quiet --package dist --locked -- "$@"
}

# Writes completion scripts and manual pages with a command that runs here.
pages() {
  local soci=$1 pages=$2
  rm -rf "$pages"
  mkdir -p "$pages/completions" "$pages/man/man1"
  "$soci" completions bash >"$pages/completions/soci.bash"
  "$soci" completions zsh >"$pages/completions/_soci"
  "$soci" completions fish >"$pages/completions/soci.fish"
  "$soci" completions powershell >"$pages/completions/soci.ps1"
  "$soci" completions elvish >"$pages/completions/soci.elv"
  "$soci" man "$pages/man/man1"
}

# The licences of what the linker adds and no package of cargo is.
notices() {
  local notices=$1 static=$2 sysroot zig
  rm -rf "$notices"
  mkdir -p "$notices"
  sysroot=$(rustc --print sysroot)
  if [ -f "$sysroot/share/doc/rust/COPYRIGHT-library.html" ]; then
    cp "$sysroot/share/doc/rust/COPYRIGHT-library.html" "$notices/rust-standard-library.html"
  fi
  if $static; then
    zig=$(echo "$TOOLS"/lib/python3*/site-packages/ziglang)
    cp "$zig/lib/libc/musl/COPYRIGHT" "$notices/musl.txt"
    cp "$zig/lib/libunwind/LICENSE.TXT" "$notices/libunwind.txt"
    cp "$zig/LICENSE" "$notices/zig-compiler-rt.txt"
  fi
}

linux() {
  local pair platform triple work=$TARGET/dist-work
  install_rust
  install_tools
  # Old files would get into the checksums.
  rm -rf "$DIST"
  mkdir -p "$DIST" "$work"
  scripts/bundle.sh shipped
  dist functions "$DIST" "$TARGET/bundle"

  reproducible_flags
  for triple in {x86_64,aarch64}-unknown-linux-musl; do
    # What SOCI_BUNDLE_DIR may name is for tests.
    env -u SOCI_BUNDLE_DIR "$CARGO" zigbuild "${PROGRAMS[@]}" --release --target "$triple" --locked
  done
  notices "$work/notices" true
  pages "$TARGET/$(uname -m)-unknown-linux-musl/release/soci" "$work/pages"
  for pair in linux_amd64:x86_64 linux_arm64:aarch64; do
    platform=${pair%%:*} triple=${pair#*:}-unknown-linux-musl
    dist package "$DIST" "$platform" "$triple" "$TARGET/$triple/release" "$work/pages" "$work/notices"
  done
  dist sums "$DIST"
}

native() {
  local platform=$1 triple=$2 work=$TARGET/dist-work
  [ -f "${SOCI_BUNDLE_DIR:?the directory of the functions}/bundle.json" ]
  mkdir -p "$DIST" "$work"
  (
    reproducible_flags
    "$CARGO" build "${PROGRAMS[@]}" --release --target "$triple" --locked
  )
  notices "$work/notices" false
  dist package "$DIST" "$platform" "$triple" "$TARGET/$triple/release" "$work/pages" "$work/notices"
}

# The time that everything in the archives has.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

case ${1:-linux} in
  linux) linux ;;
  native) native "${2:?platform}" "${3:?triple}" ;;
  sums) dist sums "$DIST" ;;
  *)
    echo "usage: scripts/dist.sh [native PLATFORM TRIPLE | sums]" >&2
    exit 2
    ;;
esac
