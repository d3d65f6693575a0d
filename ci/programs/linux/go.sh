# Go's own tests, compiled by prepare.sh: the outcome of each test.
# parts: os os_exec os_signal net runtime sync syscall time
export GOFLAGS=-mod=vendor GOCACHE=/tmp/go-build ZONEINFO=
cd "$(go env GOROOT)/src/${1//_//}" || exit
"/opt/go-tests/$1" -test.short -test.v >/tmp/log 2>&1
echo "exit status $?"
grep -E '^ *--- ' /tmp/log | sed -E 's/ \([0-9.]+s\)$//' | sort
rm -rf /tmp/log /tmp/go-build
