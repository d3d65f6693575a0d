#!/usr/bin/env bash
# Installs what felix's build and tests need, on a Debian-like x86-64 machine with cargo. Done once;
# afterwards it only looks and returns at once, and needs no root. Everything but the distribution's
# packages and the RISC-V std goes to target/felix-ci:
#   qemu/          qemu-riscv64 11 or newer, static, to run felix (a machine's own may be too old)
#   libc-riscv64/  start files and libc.a for a static PIE (riscv-qemu/cc.sh)
#   rootfs/        an amd64 Debian with the programs that tests run
#   registry/      Debian's docker-registry, which tests pull images from; not installed, as that would start it
#   sysroot/       only where the RISC-V std could not be put beside the others of this rustc
# Downloads are kept in ${XDG_CACHE_HOME:-~/.cache}/felix-ci, so that a second checkout is quick.
# Environment: FELIX_CI_DEBIAN  address of a Debian mirror, where apt here is not set up for Debian
#              FELIX_CI_CACHE   another place for the cache; empty: none
set -euo pipefail
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=ci/debian.sh
. "$TOP/ci/debian.sh"

PROGRAMS=busybox-static,bash,bubblewrap,coreutils,lua5.4,sqlite3,gawk,perl,xz-utils,bzip2,zstd,openssl,python3
REQUIRED=(ca-certificates cmake make gcc libc6-dev gcc-riscv64-linux-gnu libc6-dev-riscv64-cross mmdebstrap xz-utils gpgv debian-archive-keyring chromium gdb)
RUSTUP_HINT="\`rustup target add $RISCV\`"

# ---- the distribution's packages ------------------------------------------------------------------

tools_present() {
    local t
    for t in cmake make cc riscv64-linux-gnu-gcc dpkg-deb apt-get chromium gdb; do
        have "$t" || return 1
    done
    # gcc-riscv64-linux-gnu without its libc finds no crt files
    [ "$(riscv64-linux-gnu-gcc -print-file-name=libc.a)" != libc.a ] || return 1
    # only needed to make what may already be there
    [ -d "$ROOTFS_DIR" ] || have mmdebstrap
}

APT_LOG=
apt_install() {
    env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$APT_LOG" 2>&1
}

install_tools() {
    { have apt-get && have dpkg-deb; } || die "this machine has no apt-get and dpkg-deb: felix's tests need a Debian-like system, or install a RISC-V cross compiler (riscv64-linux-gnu-gcc), cmake, qemu-riscv64 $QEMU_MIN and $CI_DIR by hand"
    [ "$(id -u)" = 0 ] || die "packages are missing; as root run: apt-get install --no-install-recommends ${REQUIRED[*]}"
    say "installing ${REQUIRED[*]}"
    APT_LOG=$WORK/apt.log
    if ! apt_install "${REQUIRED[@]}"; then
        # An image's package lists are often absent or old.
        apt-get update -qq >"$APT_LOG" 2>&1 || { cat "$APT_LOG" >&2; die "apt-get update failed: see above; repair this machine's package sources"; }
        apt_install "${REQUIRED[@]}" || { tail -n 20 "$APT_LOG" >&2; die "apt-get could not install ${REQUIRED[*]}: see above"; }
    fi
    # The distribution's qemu-user has -plugin, with which cost is counted; the tests do without.
    if ! have qemu-riscv64 && ! apt_install qemu-user; then
        say "note: no qemu-user from this distribution; instruction counts need it, the tests do not"
    fi
}

make_qemu() {
    unpack_deb "$WORK/qemu-all" "qemu-user/$SUITE-backports"
    mkdir -p "$1/usr/bin"
    mv "$WORK/qemu-all/usr/bin/qemu-riscv64" "$1/usr/bin/"
    rm -rf "$WORK/qemu-all"
    local v
    v=$("$1/usr/bin/qemu-riscv64" --version | sed -n '1s/.*version \([0-9]*\).*/\1/p') || true
    [ "${v:-0}" -ge "$QEMU_MIN" ] || die "$SUITE-backports' qemu-riscv64 is version ${v:-unknown} or does not run here, felix's tests need $QEMU_MIN: put such a one on PATH"
}

make_libc() {
    # An amd64 package: mirrors do not always have riscv64's lists in step with the suite's.
    unpack_deb "$WORK/libc-all" libc6-dev-riscv64-cross
    mkdir "$1/lib"
    # Archives and start files only: the shared library's linker scripts hold absolute paths.
    cp -P "$WORK"/libc-all/usr/riscv64-linux-gnu/lib/*.[oa] "$1/lib/"
    rm -rf "$WORK/libc-all"
    [ -e "$1/lib/rcrt1.o" ] || die "$SUITE's libc6-dev-riscv64-cross has no rcrt1.o: no static PIE can be made"
}

make_rootfs() {
    have mmdebstrap || die "mmdebstrap is missing: install it with apt-get"
    local uri key tar=$WORK/rootfs.tar nodev=()
    uri=$(debian)
    key=$(keyring)
    [ "$(id -u)" = 0 ] || nodev=(--exclude='./dev/*')
    mmdebstrap -q --variant=minbase --architectures=amd64 --include="$PROGRAMS" \
        "$SUITE" "$tar" "deb [signed-by=$key] $uri $SUITE main" >"$WORK/log" 2>&1 || { tail -n 20 "$WORK/log" >&2; die "mmdebstrap could not make an amd64 $SUITE: see above; without root it needs user namespaces (newuidmap)"; }
    tar -xf "$tar" -C "$1" "${nodev[@]}"
    rm "$tar"
}

make_registry() {
    local d=$WORK/registry-deb
    mkdir -p "$d"
    (cd "$d" && { apt-get download -qq docker-registry || { apt-get update -qq && apt-get download -qq docker-registry; }; }) \
        >"$WORK/log" 2>&1 || { cat "$WORK/log" >&2; die "cannot download this distribution's package docker-registry: see above"; }
    dpkg-deb -x "$d"/*.deb "$1"
}

# ---- the RISC-V std --------------------------------------------------------------------------------

RUST_VERSION=''
RUST_COMMIT=''
RUST_SYSROOT=''
rust_facts() {
    RUST_SYSROOT=$(rustc --print sysroot)
    local v
    v=$(rustc -vV)
    RUST_VERSION=$(sed -n 's/^release: //p' <<<"$v")
    RUST_COMMIT=$(sed -n 's/^commit-hash: //p' <<<"$v")
}

# A std that we made says for which compiler; one without that file is rustup's or the distribution's.
MARK=felix-ci-built-for
std_in() {
    local d=$1/lib/rustlib/$RISCV
    compgen -G "$d/lib/libstd-*.rlib" >/dev/null || return 1
    [ ! -e "$d/$MARK" ] || [ "$(cat "$d/$MARK")" = "$RUST_COMMIT" ]
}

# A sysroot that is the real one by symlinks, but for lib/rustlib's entries, which can be added to.
mirror_sysroot() {
    local to=$1 e
    mkdir -p "$to/lib/rustlib"
    for e in "$RUST_SYSROOT"/*; do [ "${e##*/}" = lib ] || ln -s "$e" "$to/"; done
    for e in "$RUST_SYSROOT"/lib/*; do [ "${e##*/}" = rustlib ] || ln -s "$e" "$to/lib/"; done
    for e in "$RUST_SYSROOT"/lib/rustlib/*; do
        case ${e##*/} in src | "$RISCV") ;; *) ln -s "$e" "$to/lib/rustlib/" ;; esac
    done
}

# std for RISC-V from its sources: the compiler's own where installed (rust-src), else Debian's of the
# same version. Puts lib/*.rlib into $1.
make_std() {
    local src=$RUST_SYSROOT/lib/rustlib/src/rust sys=$WORK/build-sysroot crate=$WORK/std-crate pkg
    if [ ! -e "$src/library/Cargo.lock" ]; then
        private_apt
        pkg=$(APT_CONFIG=$APT apt-cache madison rust-src | awk -v v="$RUST_VERSION+" 'index($3, v) == 1 { print $3; exit }')
        [ -n "$pkg" ] || die "no std of rustc $RUST_VERSION for RISC-V: rustup could not fetch it and Debian has no rust-src of that version; make $RUSTUP_HINT work, or install rustc's rust-src"
        unpack_deb "$WORK/rust-src" "rust-src=$pkg"
        src=$WORK/rust-src/usr/src/rustc-$RUST_VERSION
    fi
    mirror_sysroot "$sys"
    mkdir "$sys/lib/rustlib/src"
    ln -s "$src" "$sys/lib/rustlib/src/rust"
    # cargo looks for the sources in the sysroot that rustc names: a rustc that names ours. panic_abort is
    # of use only when itself built with panic=abort, which Rust's own build does and cargo does not.
    cat >"$WORK/rustc" <<WRAPPER
#!/bin/sh
case " \$* " in *" --crate-name panic_abort "*) set -- "\$@" -C panic=abort ;; esac
exec "$RUST_SYSROOT/bin/rustc" --sysroot "$sys" "\$@"
WRAPPER
    chmod +x "$WORK/rustc"
    mkdir -p "$crate/src"
    : >"$crate/src/lib.rs"
    printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' >"$crate/Cargo.toml"
    # Bitcode, as in the std that rustup ships: with none, a profile with lto would not link.
    (
        cd "$crate"
        unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_TARGET_RISCV64GC_UNKNOWN_LINUX_GNU_RUSTFLAGS
        env RUSTC="$WORK/rustc" RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$crate/target" \
            RUSTFLAGS="-C embed-bitcode=yes" CARGO_PROFILE_RELEASE_DEBUG=line-tables-only \
            cargo build -q --release --target "$RISCV" -Zbuild-std=std,panic_abort,test
    ) >"$WORK/log" 2>&1 || { tail -n 30 "$WORK/log" >&2; die "std could not be built for RISC-V: see above; or make $RUSTUP_HINT work"; }
    mkdir "$1/lib"
    rm -f "$crate/target/$RISCV/release/deps"/libempty-*
    cp "$crate/target/$RISCV/release/deps"/*.rlib "$1/lib/"
    printf '%s\n' "$RUST_COMMIT" >"$1/$MARK"
    rm -rf "$sys" "$crate" "$WORK/rust-src"
}

riscv_std() {
    rust_facts
    ! std_in "$RUST_SYSROOT" || return 0
    # Ours of an older compiler makes every build fail: away with it.
    local d=$RUST_SYSROOT/lib/rustlib/$RISCV
    if [ -e "$d/$MARK" ] && [ -w "$d" ]; then rm -rf "$d"; fi
    if [ -z "${FELIX_CI_NO_RUSTUP:-}" ] && have rustup && timeout 300 rustup target add "$RISCV" >/dev/null 2>&1 && std_in "$RUST_SYSROOT"; then
        say "std for $RISCV: from rustup"
        return 0
    fi
    ! std_in "$SYSROOT_DIR" || [ "$(readlink "$SYSROOT_DIR/bin")" != "$RUST_SYSROOT/bin" ] || return 0
    workdir
    rm -rf "$SYSROOT_DIR"
    local key=std-$RISCV-$RUST_VERSION-${RUST_COMMIT:0:12}
    if [ -w "$RUST_SYSROOT/lib/rustlib" ]; then
        product "$key" "$d" make_std
    else
        product "$key" "$WORK/std" make_std
        mirror_sysroot "$WORK/sysroot"
        mv "$WORK/std" "$WORK/sysroot/lib/rustlib/$RISCV"
        mv -T "$WORK/sysroot" "$SYSROOT_DIR"
    fi
}

# --------------------------------------------------------------------------------------------------

[ "$(uname -s) $(uname -m)" = "Linux x86_64" ] || die "felix's tests run on x86-64 Linux, this is $(uname -s) $(uname -m)"
{ have cargo && have rustc; } || die "cargo and rustc are missing: install Rust, for example with rustup"
if ! tools_present; then
    workdir
    install_tools
    tools_present || die "still missing after installing packages: look at ${REQUIRED[*]}"
fi
riscv_std
product "qemu-$SUITE-$QEMU_MIN" "$QEMU_DIR" make_qemu
product "libc-riscv64-$SUITE" "$LIBC_DIR" make_libc
product "registry-$(. /etc/os-release && printf %s "$ID-${VERSION_ID:-0}")" "$CI_DIR/registry" make_registry
# A change of PROGRAMS makes a new rootfs. The rootfs itself stays unmarked, it is the guest's.
KEY=rootfs-$SUITE-$(printf %s "$PROGRAMS" | cksum | cut -d ' ' -f 1)
if [ -d "$ROOTFS_DIR" ] && [ "$(cat "$CI_DIR/rootfs.key" 2>/dev/null)" != "$KEY" ]; then
    say "rootfs: the list of programs changed"
    rm -rf "$ROOTFS_DIR"
fi
if [ ! -d "$ROOTFS_DIR" ]; then
    workdir
    printf '%s\n' "$KEY" >"$CI_DIR/rootfs.key"
    product "$KEY" "$ROOTFS_DIR" make_rootfs
fi
