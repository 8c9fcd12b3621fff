# shellcheck shell=bash
# `./build.sh bulk [ray|spark|stores]`: runs examples/bulk with a real Ray, a real Spark, a real PostgreSQL with pgvector,
# Qdrant's client and Milvus Lite. Not in CI: Ray alone takes 91 s to install and 54 s to run on a busy machine.

RAY_PINS=(ray==2.60.0 pyarrow==26.0.1 numpy==2.4.6 pandas==3.1.1)
SPARK_PINS=(pyspark==4.3.0 pyarrow==26.0.1 numpy==2.4.6 pandas==3.1.1)
STORE_PINS=(qdrant-client==1.20.0 pymilvus==3.0.2 milvus-lite==3.2.2 pyarrow==26.0.1 numpy==2.4.6)
# Debian's suite with pgvector, for a system without.
PGVECTOR_SUITE=trixie

cmd_bulk() {
  local part parts=("$@")
  ((${#parts[@]})) || parts=(ray spark stores)
  need_rust
  step "compile corom" with_progress cargo build --locked --features cli,columnar --bin corom
  for part in "${parts[@]}"; do
    case $part in
      ray | spark) check_engine "$part" ;;
      stores) check_pgvector; check_stores ;;
      *) die "bulk takes ray, spark or stores, not '$part'" ;;
    esac
  done
}

# check_engine ray|spark [--kills]: compares the engine's vectors with those of one machine, without and with kills, or
# with kills only.
check_engine() {
  local pins=("${RAY_PINS[@]}")
  if [[ $1 == spark ]]; then
    pins=("${SPARK_PINS[@]}")
    have java || step "Java" apt_install default-jre-headless
  fi
  once "Python with $1" "${pins[*]}" "$CACHE/$1-python/bin/python" pinned_python "$1" "${pins[@]}"
  step "examples/bulk with $1" "$CACHE/$1-python/bin/python" tests/python/check_bulk_engines.py "$1" \
    target/debug/corom tests/fixtures/bits/int8 "$ROOT/target/bulk-$1" "${@:2}"
}

# pinned_python NAME PINS…: makes a Python with packages.
pinned_python() {
  local home=$CACHE/$1-python
  need python3 "$1 runs in it"
  rm -rf "$home"
  python3 -m venv "$home" || die "python3 has no venv (Debian: python3-venv)"
  "$home/bin/pip" install --quiet "${@:2}"
}

# Loads vectors into a server of its own, whose files are in target/.
check_pgvector() {
  have psql && compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || step "PostgreSQL" apt_install postgresql
  local bin version
  bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
  version=$(basename "$(dirname "$bin")")
  [[ -e /usr/share/postgresql/$version/extension/vector.control ]] || step "pgvector" install_pgvector "$version"
  stores_python
  step "examples/bulk with pgvector" with_server "$bin" "$CACHE/stores-python/bin/python" tests/python/check_pgvector.py \
    target/debug/corom tests/fixtures/bits/int8
}

stores_python() {
  once "Python with stores" "${STORE_PINS[*]}" "$CACHE/stores-python/bin/python" pinned_python stores "${STORE_PINS[@]}"
}

check_stores() {
  have jq || step "jq" apt_install jq
  stores_python
  step "examples/bulk with Qdrant and Milvus" "$CACHE/stores-python/bin/python" tests/python/check_stores.py \
    target/debug/corom tests/fixtures/bits/int8 "$ROOT/target/bulk-stores"
}

install_pgvector() {
  if apt_offers "postgresql-$1-pgvector"; then
    apt_install "postgresql-$1-pgvector"
    return
  fi
  # An older Debian: compiles the source of a newer one.
  local work package keys=/usr/share/keyrings/debian-archive-keyring.gpg mirror options
  for package in "postgresql-server-dev-$1" dpkg-dev make gcc; do apt_install "$package"; done
  mirror=$(grep -hoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null | head -n 1 || true)
  [[ -n $mirror ]] || die "no Debian mirror in /etc/apt"
  work=$(mktemp -d)
  mkdir -p "$work"/{lists/partial,cache/archives/partial}
  echo "deb-src [signed-by=$keys] $mirror $PGVECTOR_SUITE main" >"$work/sources.list"
  options=(-o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::Lists=$work/lists"
    -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root)
  (
    cd "$work"
    apt-get -qq "${options[@]}" update && apt-get -qq "${options[@]}" source pgvector
    # OPTFLAGS: the library may move to another machine.
    make -C pgvector-*/ -s OPTFLAGS="" with_llvm=no PG_CONFIG="$(command -v pg_config)" install
  )
  rm -rf "$work"
}

# with_server BIN COMMAND…: runs a command, with a folder as its last argument, beside a server without a network.
with_server() {
  local bin=$1 home as=() status=0
  shift
  home=$(mktemp -d)
  # PostgreSQL does not run as root.
  if ((EUID == 0)); then as=(runuser -u postgres --); chown postgres "$home"; fi
  "${as[@]}" "$bin/initdb" --pgdata "$home/data" --auth trust --encoding UTF8 --no-locale >/dev/null
  "${as[@]}" "$bin/pg_ctl" --pgdata "$home/data" --silent --wait --log "$home/log" \
    --options "-k $home -c listen_addresses=''" start
  PGHOST=$home PGUSER=$("${as[@]}" id -un) "$@" "$home" || status=$?
  "${as[@]}" "$bin/pg_ctl" --pgdata "$home/data" --silent --mode immediate stop
  rm -rf "$home"
  return "$status"
}
