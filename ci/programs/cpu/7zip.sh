# Archives of several kinds, tested and unpacked.
cd "$(mktemp -d)" || exit
head -c 1000000 "$(readlink -f "$(command -v python3)")" >data
for kind in lzma2 lzma bzip2 ppmd deflate; do
    7z a -mmt1 -bso0 -bsp0 -m0=$kind $kind.7z data
    7z t -bso0 -bsp0 $kind.7z && 7z x -so $kind.7z | md5sum
done
rm -r "$PWD"
