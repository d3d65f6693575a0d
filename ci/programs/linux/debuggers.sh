# strace and gdb, on programs they start and on programs that run.
# parts: strace inject attach gdb threads running
cd "$(mktemp -d)" || exit
# Without addresses, process numbers and random bytes. rseq is what felix has not, and the clock is read without a call natively.
plain() {
    sed -E 's/^[0-9]+ +//; s/0x[0-9a-f]{4,}/X/g; s/ += / = /; s/\b[0-9]{4,}\b/N/g; s/"(\\x[0-9a-f]{2})+"/R/; s/si_[us]time=.*\}/T/; s/pid=[0-9]+/pid=N/
        /^(set_tid_address|clone|clone3|v?fork|wait4|kill|tgkill|get[a-z]*[pt]id|gettid|rt_sigreturn)\(/s/\b[0-9]+\b/N/g' | grep -vE '^(rseq|clock_gettime)\('
}
case $1 in
strace)
    strace -f -o log ls -l /usr/share/common-licenses && plain <log
    mkdir each && strace -ff -o each/log -e trace=process,signal,pipe2,dup2 \
        sh -c 'ls / | sort -r | tail -n 3; trap "echo got it" USR1; kill -USR1 $$; (exit 3); echo $?; sh -c "kill -TERM \$\$"; echo $?'
    cat each/* | plain | sort | uniq -c
    strace -o log -e signal=all -e trace=none python3 -c 'import os, signal
signal.signal(signal.SIGALRM, lambda *a: print("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.2)
signal.pause()
os.kill(os.getpid(), signal.SIGSEGV)'
    echo "$?" && plain <log
    ;;
inject)
    echo text >file
    strace -o log -e trace=openat -e inject=openat:error=EMFILE:when=3+ cat file 2>&1
    strace -o log -e trace=write -e inject=write:retval=5:when=1 sh -c 'echo lost && echo this too' && echo "$?"
    strace -o log -e trace=getppid -e inject=getppid:retval=77 python3 -c 'import os; print(os.getppid())'
    strace -o log -e trace=chdir -e inject=chdir:signal=SIGUSR1 sh -c 'trap "echo signalled" USR1; cd /; pwd'
    ;;
attach)
    sleep 100 &
    p=$!
    strace -o log -p $p 2>messages &
    until grep -q attached messages 2>/dev/null; do sleep 0.1; done
    kill -STOP $p && sleep 0.3 && kill -CONT $p && sleep 0.3 && kill -TERM $p
    wait
    grep -c nanosleep log && plain <log | grep -E 'SIG|\+\+\+'
    ;;
*)
    cat >program.c <<'C'
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
struct point { int x, y; double d; } origin = {1, 2, 0.5};
volatile int counter, go;
__attribute__((noinline)) int add(int a, int b) { return a + b; }
__attribute__((noinline)) int fact(int n) { return n <= 1 ? 1 : n * fact(n - 1); }
__attribute__((noinline)) double half(double x) { return x / 2; }
static void handler(int s) { counter += 100; (void)s; }
static void *body(void *x) { for (int i = 0; i < 3; i++) counter = add(counter, (int)(long)x + i); return x; }
int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1 && !strcmp(argv[1], "running")) { while (!go) { usleep(20000); counter = add(counter, 1); } return counter > 0 ? 7 : 8; }
    if (argc > 1 && !strcmp(argv[1], "crash")) *(volatile int *)16 = argc;
    if (argc > 1) {
        pthread_t t[3];
        for (long i = 0; i < 3; i++) { pthread_create(&t[i], NULL, body, (void *)(i * 10)); pthread_join(t[i], NULL); }
        return counter;
    }
    printf("%d\n", fact(5));
    signal(SIGUSR1, handler);
    raise(SIGUSR1);
    printf("%d %g\n", counter, half(origin.d));
    for (int i = 0; i < 3; i++) counter = add(counter, i);
    pid_t p = fork();
    if (p == 0) { counter = add(1000, 1); exit(counter & 0xff); }
    int status;
    waitpid(p, &status, 0);
    printf("%d %d\n", counter, WEXITSTATUS(status));
    return 5;
}
C
    gcc -g -O0 -static -pthread -o program program.c
    debug() { gdb -q -batch -nx -ex 'set pagination off' -ex 'set disable-randomization off' -ex 'set startup-with-shell off' -x commands "$@" 2>&1 | sed -E 's/Thread 0x[0-9a-f]+/Thread N/g; s/0x[0-9a-f]{7,}/X/g; s/(LWP|process|Process) [0-9]+/\1 N/g'; }
    ;;
esac
case $1 in
gdb)
    cat >commands <<'G'
break fact if n == 3
run
backtrace
info registers cs ss ds es fs gs
print (long)$rsp % 16
print origin
print &origin
set var origin.d = 9
print add(20, 22)
print half(3)
delete
finish
handle SIGUSR1 stop print
continue
print $_siginfo.si_signo
stepi
x/i $pc
next
break half
continue
print $xmm0.v2_double[0]
print $st0
print $mxcsr
set $xmm0.v2_double[0] = 5
delete
hbreak add
continue
delete
watch counter
continue
continue
delete
catch fork
continue
delete
set follow-fork-mode child
catch syscall exit_group
continue
continue
G
    debug ./program
    # shellcheck disable=SC2016  # gdb's variables
    printf 'run\nbacktrace\nprint $_siginfo.si_signo\nprint $_siginfo._sifields._sigfault.si_addr\nkill\n' >commands
    debug --args ./program crash
    ;;
threads)
    # shellcheck disable=SC2016
    printf 'break add\ncommands\nsilent\nprintf "add %%d %%d, thread %%d\\n", a, b, $_thread\ncontinue\nend\nrun\n' >commands
    debug --args ./program threads | grep -E '^add|exited with'
    printf 'set non-stop on\nbreak body\nrun\nthread 2\nbacktrace\nthread apply all continue\n' >commands
    debug --args ./program threads | grep -E '^#0|Breakpoint'
    ;;
running)
    ./program running &
    printf 'break add\ncontinue\nprint b\nprint counter > 0\nprint add(3, 4)\nup\ninfo locals\ndelete\nset var go = 1\ndetach\n' >commands
    debug -p $! | grep -vE '^\[|^0x|^X|^[0-9]+\s|^Using|^warning|^__|clock_nanosleep|a='
    wait $!
    echo "$?"
    ;;
esac
