echo 'scale=200; 4*a(1); e(1); sqrt(2); l(10); 2^4096 % 10^40' | bc -l
