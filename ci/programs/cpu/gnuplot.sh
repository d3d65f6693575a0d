gnuplot -e 'set terminal dumb 120 40; plot sin(x)*exp(-x*x/20), besj0(x), gamma(x+11)/1e9; set terminal svg; plot x**3, erf(x)' | sed '/<desc>/d'
