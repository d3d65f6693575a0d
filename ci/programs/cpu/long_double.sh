# printf, strtold and libm of 80-bit numbers.
long_double 1000000
