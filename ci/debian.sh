# shellcheck shell=bash
# Debian packages of other suites and architectures, and what is made of them and kept. Sourced after
# lib.sh, never run. FELIX_CI_DEBIAN and FELIX_CI_CACHE are explained in setup.sh.

SUITE=trixie    # the guests' Debian; its backports have qemu 11 and the sources of new rustc
RISCV_SUITES=() # those whose riscv64 packages are wanted, set before the first package is asked for

# ---- products ------------------------------------------------------------------------------------

# Everything is made in $WORK and renamed into place complete, so that being killed leaves no half product.
WORK=
workdir() {
    [ -z "$WORK" ] || return 0
    mkdir -p "$CI_DIR" || die "cannot write to $CI_DIR: check its owner, or set CARGO_TARGET_DIR"
    # those of killed runs
    find "$CI_DIR" -maxdepth 1 -name '.tmp.*' -mmin +240 -exec rm -rf {} +
    WORK=$(mktemp -d "$CI_DIR/.tmp.XXXXXX")
    chmod 755 "$WORK"
    trap 'rm -rf "$WORK"' EXIT
    trap 'exit 130' INT TERM
}

CACHE=${FELIX_CI_CACHE-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/felix-ci}
if [ -n "$CACHE" ] && ! { mkdir -p "$CACHE" && [ -w "$CACHE" ]; } 2>/dev/null; then
    CACHE=
fi

# product KEY DEST MAKER: DEST exists, or is unpacked from the cache's KEY.tar.gz, or is what MAKER puts
# into the empty directory it is given. KEY names all that the content depends on.
product() {
    local key=$1 dest=$2 maker=$3 made tar=
    [ ! -d "$dest" ] || return 0
    workdir
    made=$WORK/$key
    [ -z "$CACHE" ] || tar=$CACHE/$key.tar.gz
    mkdir "$made"
    # A cached tar that does not unpack is made anew. Device nodes need root and are nothing felix needs.
    local nodev=()
    [ "$(id -u)" = 0 ] || nodev=(--exclude='./dev/*')
    if [ -n "$tar" ] && [ -f "$tar" ] && tar -xzf "$tar" -C "$made" "${nodev[@]}" 2>/dev/null; then
        say "$(basename "$dest"): from $tar"
    else
        rm -rf "$made" && mkdir "$made"
        say "$(basename "$dest"): making"
        "$maker" "$made"
        if [ -n "$tar" ]; then
            local part
            part=$(mktemp "$CACHE/.part.XXXXXX")
            if tar -C "$made" -cf - . | gzip -1 >"$part"; then mv "$part" "$tar"; else rm -f "$part"; fi
        fi
    fi
    mkdir -p "$(dirname "$dest")"
    # Somebody else may have been first; theirs is as good.
    mv -T "$made" "$dest" 2>/dev/null || [ -d "$dest" ] || die "cannot move $made to $dest"
}

# ---- packages of another suite or architecture, unpacked and not installed ----------------------------

debian() {
    local uri
    if [ -n "${FELIX_CI_DEBIAN:-}" ]; then
        printf '%s\n' "${FELIX_CI_DEBIAN%/}"
        return
    fi
    # By label where apt has lists; by name in images whose lists were removed.
    # shellcheck disable=SC2016  # apt fills these in
    uri=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' |
        awk '$1 == "Debian" && !label { label = $2 } $NF ~ /\/debian\/?$/ && !name { name = $NF } END { print label ? label : name }')
    [ -n "$uri" ] || die "apt here knows no Debian mirror: set FELIX_CI_DEBIAN to one's address"
    printf '%s\n' "${uri%/}"
}

keyring() {
    local k
    for k in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
        if [ -r "$k" ]; then
            printf '%s\n' "$k"
            return
        fi
    done
    die "no Debian archive keys: install the package debian-archive-keyring"
}

# An apt of our own: it checks signatures as the real one does, knows $SUITE's amd64 and the riscv64 of
# $RISCV_SUITES, and touches nothing of this machine's.
APT=
private_apt() {
    [ -z "$APT" ] || return 0
    local extra
    workdir
    local uri key d=$WORK/apt
    uri=$(debian)
    key=$(keyring)
    mkdir -p "$d"/{lists/partial,cache/archives/partial,etc,parts}
    : >"$d/status"
    {
        echo "deb [arch=amd64 signed-by=$key] $uri $SUITE main"
        echo "deb [arch=amd64 signed-by=$key] $uri $SUITE-backports main"
        for extra in "${RISCV_SUITES[@]}"; do echo "deb [arch=riscv64 signed-by=$key] $uri $extra main"; done
    } >"$d/sources.list"
    # Dir::Etc::parts stays the machine's: a proxy may be set there.
    cat >"$d/apt.conf" <<CONF
Dir::Etc::SourceList "$d/sources.list";
Dir::Etc::SourceParts "$d/parts";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "$d/parts";
Dir::State "$d";
Dir::State::Lists "$d/lists";
Dir::State::status "$d/status";
Dir::Cache "$d/cache";
APT::Architecture "amd64";
APT::Architectures { "amd64"; "riscv64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Update::Error-Mode "any";
CONF
    APT_CONFIG=$d/apt.conf apt-get update -qq >"$d/log" 2>&1 || { cat "$d/log" >&2; die "cannot read $SUITE's package lists from Debian: see above; check the network or set FELIX_CI_DEBIAN to a mirror"; }
    APT=$d/apt.conf
}

# unpack_deb DEST PACKAGE: apt's name for it, e.g. libc6-dev:riscv64 or qemu-user/trixie-backports
unpack_deb() {
    private_apt
    local dest=$1 pkg=$2 d=$WORK/deb
    rm -rf "$d" && mkdir "$d"
    (cd "$d" && APT_CONFIG=$APT apt-get download -qq "$pkg") >"$WORK/log" 2>&1 || { cat "$WORK/log" >&2; die "cannot download the Debian package $pkg: see above"; }
    dpkg-deb -x "$d"/*.deb "$dest" || die "cannot unpack the Debian package $pkg: is the disk full?"
}
