#!/usr/bin/env bash
# Makes sure that a machine has what a target needs:
#
#   scripts/setup.sh build|bundle|dist|dist-test|demo|test|bench|lint|interop|hosts|account ...
#
# Debian packages are installed when they are missing and this runs as root.
# What it cannot install it names, together with the way to get it, and fails.
# With everything in place it changes nothing and ends at once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly CARGO_DENY_VERSION=0.20.2

missing=()  # one line for each thing that only a person can install
packages=() # Debian packages to install

have() { command -v "$1" >/dev/null 2>&1; }

# need COMMAND PACKAGE...: the command comes from these Debian packages.
need() {
  local command=$1
  shift
  have "$command" || packages+=("$@")
}

need_rust() {
  have cargo || missing+=("cargo: install Rust 1.95 or newer from https://rustup.rs")
  need cc gcc libc6-dev
  need make make
}

need_terraform() {
  have terraform || have tofu || missing+=(
    "terraform: install Terraform 1.5 or newer from https://developer.hashicorp.com/terraform/install, or OpenTofu from https://opentofu.org/docs/intro/install"
  )
}

# Debian keeps the making of virtual environments in a package of its own.
need_python() {
  python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || packages+=(python3 python3-venv)
}

need_lints() {
  have cargo || return 0
  cargo fmt --version >/dev/null 2>&1 || missing+=("rustfmt: run 'rustup component add rustfmt'")
  cargo clippy --version >/dev/null 2>&1 || missing+=("clippy: run 'rustup component add clippy'")
}

# The release that tests/interop/go/go.mod and the newest OpenTofu ask for.
need_go() {
  local version
  version=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null) || version=
  if [[ ! $version =~ ^go1\.([0-9]+) ]] || [ "${BASH_REMATCH[1]}" -lt 26 ]; then
    missing+=("go: install Go 1.26 or newer from https://go.dev/dl")
  fi
}

# The reference implementation links zlib into its programs.
need_zlib() {
  [ -e "$(cc -print-file-name=libz.a 2>/dev/null || true)" ] || packages+=(zlib1g-dev)
}

# A release is built by one version of Rust for four targets, which rustup installs beside the machine's.
need_rustup() {
  have rustup || missing+=("rustup: install it from https://rustup.rs; releases are built by a version of Rust of their own")
  need git git
}

# Programs for arm64 run here, with the C library that the functions find on Lambda.
need_arm64() {
  [ "$(uname -m)" != aarch64 ] || return 0
  need qemu-aarch64-static qemu-user-static
  [ -e /usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1 ] || packages+=(libc6-arm64-cross)
}

# Images are mounted as a container host mounts them.
need_mounts() {
  [ "$(id -u)" -eq 0 ] || missing+=("root: run 'sudo make interop'")
  [ -c /dev/fuse ] || missing+=(
    "/dev/fuse: run 'modprobe fuse', or start the container with '--device /dev/fuse --cap-add SYS_ADMIN'"
  )
  need unshare util-linux
}

# Each writes gzip in its own way.
need_compressors() {
  need gzip gzip
  need pigz pigz
  need igzip isal
  need zopfli zopfli
  need libdeflate-gzip libdeflate-tools
  need bgzip tabix
  need 7zz 7zip
  need node nodejs
  need python3 python3
}

install_packages() {
  [ ${#packages[@]} -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ] || ! have apt-get; then
    missing+=("${packages[*]}: on Debian or Ubuntu run 'sudo apt-get install ${packages[*]}'; elsewhere install the packages of these names")
    return 0
  fi
  echo "setup: installing ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
  # The package also sets up a registry as a service. Only its binary is wanted here.
  if [[ " ${packages[*]} " == *" docker-registry "* && -d /run/systemd/system ]]; then
    systemctl disable --quiet --now docker-registry
  fi
}

# cargo-deny is built without optimisation: a minute once, and it runs in a second either way.
install_cargo_deny() {
  have cargo && ! cargo deny --version >/dev/null 2>&1 || return 0
  have cc || return 0
  echo "setup: installing cargo-deny $CARGO_DENY_VERSION"
  cargo install --quiet --locked --debug --no-default-features "cargo-deny@$CARGO_DENY_VERSION"
}

# The Python packages of a list, again whenever it or the Python changes. The first list comes into a
# new environment, others into that one.
install_python_packages() {
  local list=tests/$1.txt directory=target/python stamp
  stamp="$(python3 --version) $(sha256sum <"$list")" || return 0
  [ "$stamp" != "$(cat "$directory/$1.stamp" 2>/dev/null)" ] || return 0
  echo "setup: installing the Python packages of $list in $directory"
  if [ "$1" = requirements ]; then
    rm -rf "$directory"
    python3 -m venv "$directory" || true
  fi
  if ! "$directory/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$list"; then
    missing+=("the Python packages of $list: python3 with its venv module, and a way to https://pypi.org (PIP_INDEX_URL names a mirror)")
    return 0
  fi
  echo "$stamp" >"$directory/$1.stamp"
}

main() {
  local target list want_deny=false python=()
  [ $# -gt 0 ] || set -- help
  for target in "$@"; do
    case $target in
      build) need_rust ;;
      bundle)
        need_rust
        need_python
        ;;
      dist)
        need_rust
        need_rustup
        need_python
        ;;
      dist-test)
        need_arm64
        need unshare util-linux
        ;;
      demo)
        need_rust
        need_terraform
        need skopeo skopeo
        need_python
        python=(requirements)
        ;;
      test)
        need_rust
        need_terraform
        need docker-registry docker-registry
        need skopeo skopeo
        need_python
        python=(requirements requirements-test)
        ;;
      bench) need pigz pigz ;;
      interop)
        need_rust
        need_terraform
        need_go
        need_zlib
        need_mounts
        need_compressors
        need docker-registry docker-registry
        need skopeo skopeo
        need_python
        python=(requirements)
        ;;
      hosts) need_go ;;
      account)
        need_terraform
        need_python
        python=(requirements requirements-test)
        ;;
      lint)
        need_rust
        need_lints
        want_deny=true
        ;;
      *)
        echo "usage: scripts/setup.sh build|bundle|dist|dist-test|demo|test|bench|lint|interop|hosts|account ..." >&2
        return 2
        ;;
    esac
  done

  if [ ${#packages[@]} -gt 0 ]; then
    mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
  fi
  install_packages
  if $want_deny; then install_cargo_deny; fi
  for list in "${python[@]}"; do install_python_packages "$list"; done

  if [ ${#missing[@]} -gt 0 ]; then
    echo "setup: something is missing on this machine:" >&2
    printf '  - %s\n' "${missing[@]}" >&2
    return 1
  fi
}

main "$@"
