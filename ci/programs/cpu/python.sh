# CPython's own tests of arithmetic.
for t in test_math test_float test_struct test_cmath test_decimal test_long test_hashlib; do
    python3 -m test -j0 $t 2>&1 | grep -E "^(Result|$t|.*failed|.*tests OK)" | sed 's/ in .*//; s/[0-9.]* sec.*//'
done
