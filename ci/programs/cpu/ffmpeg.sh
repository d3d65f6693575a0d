# Every frame of a generated clip, encoded by several encoders, decoded and scaled.
cd "$(mktemp -d)" || exit
clip='testsrc2=size=176x144:rate=10'
f='ffmpeg -nostdin -loglevel error -threads 1 -bitexact'
for codec in mpeg4 mjpeg libx264 libvpx ffv1; do
    # As in x264.sh.
    more=; [ $codec != libx264 ] || more='-x264-params cpu-independent=1'
    $f -f lavfi -i "$clip" -t 1 -c:v $codec $more -threads 1 "$codec.mkv"
    $f -i "$codec.mkv" -vf scale=120:90 -f framemd5 - | grep -v '^#'
done
$f -f lavfi -i 'sine=frequency=440:duration=1' -c:a aac a.m4a
$f -i a.m4a -f md5 -
rm -r "$PWD"
