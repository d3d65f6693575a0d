#!/bin/sh
# A container of pressure-vessel's shape (Steam's container tool), made by the guest's bwrap and looked at from inside.
# Run in a guest root by tests/containers.rs, natively and under felix; what it prints must be the same. /run/provider is
# another root, the host's to pressure-vessel, which may be merged (/bin is a link to usr/bin) or not, as may be this one.
set -eu
arch=x86_64-linux-gnu
library() { # the place of a library in the root below $1
    for dir in lib usr/lib; do
        [ ! -e "$1/$dir/$arch/$2" ] || { echo "$dir/$arch/$2"; return; }
    done
    echo "no $2 below $1" >&2
    exit 1
}
merged() { if [ -L "$1/bin" ]; then echo merged; else echo "not merged"; fi; }
echo "guest root: $(merged ""), provider: $(merged /run/provider)"

# The runtime is this root's /usr, with whatever stands beside it.
set -- --ro-bind /usr /usr
for dir in bin sbin lib lib64; do
    if [ -L "/$dir" ]; then
        set -- "$@" --symlink "$(readlink "/$dir")" "/$dir"
    else
        set -- "$@" --ro-bind "/$dir" "/$dir"
    fi
done
overrides=/usr-overrides/lib/$arch
set -- "$@" --ro-bind /etc /etc --ro-bind /run/provider /run/host --ro-bind /run/provider /run/gfx \
    --dir /run/pressure-vessel --ro-bind / /run/pressure-vessel/interpreter-root \
    --proc /proc --dev /dev --tmpfs /tmp --tmpfs /home --dir "$overrides" \
    --symlink "/run/gfx/$(library /run/provider libselinux.so.1)" "$overrides/libselinux.so.1" \
    --symlink "/run/host/$(library /run/provider libpcre2-8.so.0)" "$overrides/libpcre2-8.so.0" \
    --symlink "../../../run/gfx/$(library /run/provider libm.so.6)" "$overrides/libm.so.6" \
    --setenv LD_LIBRARY_PATH "$overrides" --setenv PRESSURE_VESSEL_RUNTIME 1 --unsetenv OLDPWD \
    --unshare-pid --unshare-ipc --unshare-uts --hostname container --die-with-parent --chdir /tmp

# The launcher is executed by its path below the interpreter root, and starts the program with the libraries of the
# container, once by the container's own dynamic linker and once by the interpreter root's.
root=/run/pressure-vessel/interpreter-root
# shellcheck disable=SC2016
bwrap "$@" "$root/bin/sh" -c '
    root=$1 overrides=$2
    echo "in the container: $(cat /proc/sys/kernel/hostname), process $(readlink /proc/self/exe), in $(pwd)"
    for dir in /bin /sbin /lib /lib64; do
        if [ -L "$dir" ]; then echo "$dir -> $(readlink "$dir")"; else echo "$dir"; fi
    done
    ls / /run /run/pressure-vessel
    for lib in "$overrides"/*; do
        echo "$lib -> $(readlink -f "$lib"): $(head -c 4 "$lib" | tr -d "\177")"
    done
    # Which libraries the dynamic linker takes.
    LD_TRACE_LOADED_OBJECTS=1 /bin/ls | sed "s/ (0x.*//" | sort
    "$root/lib64/ld-linux-x86-64.so.2" --library-path "$overrides" /bin/ls "$root/etc/debian_version"
    LD_LIBRARY_PATH="$root/usr/lib/x86_64-linux-gnu" "$root/usr/bin/env" -i /bin/sh -c "echo by env: \$0 \$LD_LIBRARY_PATH."
    "$root/bin/sh" -c "exec \"\$0/usr/bin/env\" LD_LIBRARY_PATH= /usr/bin/uname -m" "$root"
    cat "/proc/self/maps" | sed -n "s/.* \(\/[^ ]*libc[^ ]*\)/\1/p" | sort -u
    tr "\0" " " < /proc/self/cmdline; echo
    sed "s/.* - //; s/ rw.*//; s/ ro.*//" /proc/self/mountinfo | cut -d" " -f1 | sort -u
    # Nothing is to be written but in what was made for it.
    for place in /usr /run/host /run/gfx "$root" /tmp /home; do
        if (: > "$place/written") 2> /dev/null; then echo "$place can be written"; else echo "$place cannot"; fi
    done
    exit 5
' sh "$root" "$overrides" || echo "exit status $?"

# And the simplest one.
bwrap --ro-bind / / --proc /proc --dev /dev --unshare-pid --unshare-net --unshare-ipc --unshare-uts \
    --unshare-cgroup-try --die-with-parent /bin/sh -c 'ls /dev | tr "\n" " "; cat /proc/1/comm; set -- /proc/[0-9]*; echo $#'
