# Stressors that check their own answers, for 5 seconds each: whether each passed, and with a failure its
# words.
# parts: cpu memcpy memfd stream vm vm-rw vm-splice mmap mremap mprotect msync pipe futex signal sigsuspend sigq sigrt sigsegv fork vfork clone exec poll epoll sock udp socket timer timerfd itimer hrtimers nanosleep aiol remap pageswap handle shm-sysv sockpair
cd "$(mktemp -d)" || exit
case $1 in
vm) more='--vm-bytes 8M' ;;
memcpy | stream | mmap | mremap | mprotect | msync) more= ;;
esac
stress-ng --verify --timeout 5 --metrics-brief --no-rand-seed "--$1" 2 $more >log 2>&1
echo "exit status $?"
grep -E 'fail|unsuccessful|passed|skipped' log | sed -E 's/^stress-ng: //; s/\[[0-9]+\]//; s/[0-9.]+ (secs|s)//g; s/ in .*//'
cd / && rm -r "$OLDPWD"
