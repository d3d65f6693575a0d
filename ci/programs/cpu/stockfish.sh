# The number of nodes that a search to a fixed depth visits.
/usr/games/stockfish bench 16 1 8 2>&1 | grep 'Nodes searched'
