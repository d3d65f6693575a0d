# GLib's installed tests: how each ends.
sed -n 's/^Exec=//p' /usr/share/installed-tests/glib/*.test | sort -u | while read -r t; do
    # They measure.
    case $t in *perf* | *slow*) continue ;; esac
    # shellcheck disable=SC2086  # some have arguments
    timeout 300 $t >/dev/null 2>&1 </dev/null
    echo "$t $?"
done
