# Sourced by what builds for other machines than this one, in the root of the repository.
# shellcheck shell=bash

readonly TOOLS=${CARGO_TARGET_DIR:-target}/bundle-tools
readonly REQUIREMENTS=scripts/requirements-bundle.txt

# Installs the tools from PyPI into a virtual environment of their own.
install_tools() {
  if ! cmp --silent "$REQUIREMENTS" "$TOOLS/installed"; then
    echo "bundle: installing the tools of $REQUIREMENTS"
    rm -rf "$TOOLS"
    python3 -m venv "$TOOLS"
    "$TOOLS/bin/pip" install --quiet --disable-pip-version-check --requirement "$REQUIREMENTS"
    cp "$REQUIREMENTS" "$TOOLS/installed"
  fi
  # Zig's cache of what it builds once for each target.
  CARGO_ZIGBUILD_CACHE_DIR="$(realpath "$TOOLS")/cache"
  ZIG_GLOBAL_CACHE_DIR="$CARGO_ZIGBUILD_CACHE_DIR/zig"
  export CARGO_ZIGBUILD_CACHE_DIR ZIG_GLOBAL_CACHE_DIR
  PATH="$(realpath "$TOOLS")/bin:$PATH"
}

# Prints a path as the compilers of this machine write it.
absolute() {
  case $(uname -s) in
    MINGW* | MSYS*) cygpath -aw "$1" ;;
    *) if [[ $1 == /* ]]; then echo "$1"; else echo "$(pwd -P)/$1"; fi ;;
  esac
}

# The same sources give the same bytes wherever they lie, and panics name no directory of this machine.
reproducible_flags() {
  local pair flags=() flags_c=() target
  target=$(absolute "${CARGO_TARGET_DIR:-target}")
  # Of several that match, the last one counts.
  for pair in \
    "$(absolute "${CARGO_HOME:-$HOME/.cargo}")=/cargo" \
    "$(absolute .)=/src" \
    "$target=/src/target"; do
    pair=${pair/\/.=/=}
    flags+=("--remap-path-prefix=$pair")
    flags_c+=("-ffile-prefix-map=$pair")
  done
  CARGO_ENCODED_RUSTFLAGS=$(
    IFS=$'\x1f'
    echo "${flags[*]}"
  )
  export CARGO_ENCODED_RUSTFLAGS
  # Microsoft's compiler has no such option.
  case $(uname -s) in
    MINGW* | MSYS*) ;;
    *) export CFLAGS="${flags_c[*]}" ;;
  esac
}
