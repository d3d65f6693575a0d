# What the programs of this set need besides packages, made natively and once.
set -e
export HOME=/root GOFLAGS=-mod=vendor GOCACHE=/tmp/go-build GO111MODULE=auto
echo 127.0.0.1 localhost >/etc/hosts
# sqlite as one file.
cd /usr/src
rm -rf sqlite3-*/ && tar -xf sqlite3_*.orig.tar.*
cd sqlite3-*/
./configure >/dev/null
make sqlite3.c shell.c >/dev/null
mkdir -p /opt/sqlite
cp sqlite3.c shell.c sqlite3.h /opt/sqlite
# Go's own tests of what stands on the kernel.
mkdir -p /opt/go-tests
cd "$(go env GOROOT)/src"
for p in os os/exec os/signal net runtime sync syscall time; do
    [ -e "/opt/go-tests/${p//\//_}" ] || go test -c -o "/opt/go-tests/${p//\//_}" "$p"
done
rm -rf "$GOCACHE"
