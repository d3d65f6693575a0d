# What a developer runs all day.
# parts: git rsync tar ssh-keygen vim make gcc sqlite sqlite-O2
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example
export GIT_AUTHOR_DATE='2001-02-03T04:05:06Z' GIT_COMMITTER_DATE='2001-02-03T04:05:06Z'
cd "$(mktemp -d)" || exit
# A tree of files, links and directories with known times.
tree() {
    mkdir -p "$1"/a/b/c "$1"/d
    for i in $(seq 60); do seq "$i" $((i * 20)) >"$1/a/b/$i"; done
    cp /usr/bin/env "$1/d/env"
    ln "$1/d/env" "$1/d/hard"
    ln -s ../a/b/7 "$1/d/soft"
    mkfifo "$1/a/fifo"
    truncate -s 5M "$1/d/sparse"
    chmod 600 "$1/a/b/9" && chmod 1777 "$1/d"
    find "$1" -exec touch -h -d 2001-02-03T04:05:06Z {} +
}
list() { (cd "$1" && find . -mindepth 1 -printf '%p %y %m %s %n %l %T@\n' | sort && find . -type f | sort | xargs sha256sum); }
case $1 in
git)
    git init -q -b main repo && cd repo || exit
    for i in $(seq 30); do
        for j in 1 2 3 4 5; do seq "$((i * j))" $((i * j + 200)) >"file$j"; done
        git add . && git commit -q -m "commit $i"
    done
    git checkout -q -b side HEAD~10 && echo side >side && git add side && git commit -q -m side
    git checkout -q main && git merge -q -m merge side
    git gc -q --aggressive && git fsck 2>&1
    git clone -q . ../clone && cd ../clone && git log --format='%H %s' && git status --short
    git rebase -q --onto main~3 main~2 side 2>&1 | tail -n 3
    git grep -c 200 && git diff HEAD~2 --stat && git archive HEAD | sha256sum && git blame file1 | tail -n 2
    git bisect start -q main main~20 2>&1 | tail -n 1 && git bisect run sh -c '! grep -q 220 file1' 2>&1 | grep 'first bad'
    ;;
rsync)
    tree from
    rsync -aHS from/ to/ && list to
    echo more >>to/a/b/3 && rm to/a/b/4 && touch to/extra
    rsync -aHSi --no-times --checksum --delete from/ to/
    # both ends in processes of their own, over a pipe
    rsync -aH -e 'sh -c "shift; exec \"\$@\"" sh' from/ localhost:"$PWD/remote/" && list remote
    ;;
tar)
    tree from
    for z in '' -z --zstd -J; do
        command -v zstd xz >/dev/null || case $z in --zstd | -J) continue ;; esac
        tar --sort=name -S $z -cf t.tar from && tar -tvf t.tar | sha256sum
        rm -rf to && mkdir to && tar -C to -xpf t.tar && list to
    done
    tar --sort=name -cf - from | tar -df - && echo same
    tar --sort=name --listed-incremental=snap -cf 0.tar from && rm from/a/b/1 && echo new >from/a/new
    tar --sort=name --listed-incremental=snap -cf 1.tar from && tar -tf 1.tar
    ;;
ssh-keygen)
    for t in rsa ecdsa ed25519; do
        bits=; [ $t != rsa ] || bits='-b 1024'
        ssh-keygen -q -t $t ${bits:-} -N '' -C felix -f $t && ssh-keygen -l -f $t.pub | sed 's/SHA256:[^ ]*//'
        echo text | ssh-keygen -q -Y sign -f $t -n file >$t.sig && ssh-keygen -Y check-novalidate -n file -s $t.sig <<<text 2>&1 | sed 's/SHA256:.*//'
        ssh-keygen -y -f $t | cmp - <(cut -d' ' -f1-3 $t.pub) && ssh-keygen -q -p -N secret -P '' -f $t && ssh-keygen -y -P secret -f $t | cut -d' ' -f1
    done
    eval "$(ssh-agent)" >/dev/null && ssh-keygen -q -t ed25519 -N '' -f k && ssh-add k 2>&1 | sed 's/(.*//' && ssh-add -l | cut -d' ' -f1,4 && ssh-agent -k >/dev/null
    ;;
vim)
    seq 200 >text
    python3 - <<'END'
import os, pty, select, sys, time, fcntl, struct, termios
pid, fd = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    os.execvp("vim", ["vim", "-u", "NONE", "-N", "-n", "text"])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
seen, WAIT = b"", float(os.environ.get("WAIT", "300"))
def until(words):
    global seen
    while words not in seen:
        if not select.select([fd], [], [], WAIT)[0]:
            print("waited in vain for", words); sys.exit(1)
        seen += os.read(fd, 65536)
    seen = b""
until(b"200L")
for keys, words in [
    (b":set nomore noesckeys\r:%s/1/one/g\r:echo 'sub' . 'stituted'\r", b"substituted"),
    (b":normal! ggO// by vim\r:sort! n\r:echo 'sor' . 'ted'\r", b"sorted"),
    (b":r !echo out of a shell; kill -WINCH $PPID\r\r:echo 're' . 'ad'\r", b"read"),
    (b":normal! 5GddPqaA!\x16\x1bjq\r:normal! 20@a\r:echo 're' . 'peated'\r", b"repeated"),
]:
    os.write(fd, keys); until(words)
os.write(fd, b":w\r:echo 'writ' . 'ten'\r"); until(b"written")
os.kill(pid, 19); print("stopped", os.WSTOPSIG(os.waitpid(pid, os.WUNTRACED)[1]))
os.kill(pid, 18); os.write(fd, b":q!\r")
while True:
    try:
        if not os.read(fd, 65536): break
    except OSError: break
print("status", os.waitpid(pid, 0)[1])
END
    sha256sum text; head -n 3 text
    ;;
make)
    {
        echo 'OBJECTS := $(patsubst %,m%.o,$(shell seq 24))'
        echo 'all: program; ./program'
        echo 'program: $(OBJECTS) main.o; $(CC) -o $@ $^'
        echo '%.o: %.c; $(CC) -O1 -c -o $@ $<'
    } >Makefile
    for i in $(seq 24); do echo "int f$i(int x) { for (int i = 0; i < $i; i++) x = x * 31 + i; return x; }" >m$i.c; done
    {
        echo '#include <stdio.h>'
        for i in $(seq 24); do echo "int f$i(int);"; done
        echo 'int main(void) {'
        for i in $(seq 24); do echo "printf(\"%d\n\", f$i($i));"; done
        echo '}'
    } >main.c
    make -s -j4 && sha256sum -- *.o program | sort && touch m3.c && make -j4 -n | wc -l
    ;;
gcc)
    # The directory's name, which is another each time, is kept out of what debuggers are told.
    for o in -O0 -O2 "-O3 -g -mavx2 -fdebug-prefix-map=$PWD=."; do gcc $o -c -o shell.o /opt/sqlite/shell.c && sha256sum shell.o; done
    ;;
sqlite*)
    # sqlite-O2 takes hours.
    option=${1#sqlite}
    gcc "${option:--O0}" -c -o sqlite3.o /opt/sqlite/sqlite3.c && sha256sum sqlite3.o
    ;;
esac
cd / && rm -rf "$OLDPWD"
