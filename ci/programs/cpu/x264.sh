# The encoded stream, byte for byte, by the algorithms that do not depend on the CPU: others use RCPPS,
# which vendors approximate in their own ways.
cd "$(mktemp -d)" || exit
ffmpeg -nostdin -loglevel error -threads 1 -f lavfi -i testsrc2=size=176x144:rate=10 -t 1 -f rawvideo -pix_fmt yuv420p clip.yuv
for preset in ultrafast medium slower; do
    x264 --cpu-independent --quiet --threads 1 --preset $preset --input-res 176x144 -o $preset.264 clip.yuv
    md5sum $preset.264
done
rm -r "$PWD"
