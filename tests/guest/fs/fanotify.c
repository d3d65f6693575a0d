// fanotify_init and fanotify_mark: events of a marked file, their masks and descriptors, and what is refused.
#include "check.h"
#include <sys/fanotify.h>
// qemu-user: does not know fanotify fully

int main(void) {
    int fan = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY);
    if (fan < 0) { say("fanotify_init: %s\n", error_name(errno)); return 0; }
    put_file("f", "content");
    int d = MUST(open(".", O_RDONLY));
    VALUE(fanotify_mark(fan, FAN_MARK_ADD, FAN_OPEN | FAN_CLOSE | FAN_ACCESS | FAN_MODIFY, d, "f"));
    VALUE(fanotify_mark(fan, FAN_MARK_ADD, FAN_OPEN, d, "nowhere"));
    VALUE(fanotify_mark(fan, FAN_MARK_ADD, 0, d, "f"));
    VALUE(fanotify_mark(fan, 1 << 30, FAN_OPEN, d, "f"));
    VALUE(fanotify_mark(d, FAN_MARK_ADD, FAN_OPEN, d, "f"));
    VALUE(fanotify_mark(fan, FAN_MARK_ADD, FAN_OPEN, d, (char *)8));
    char b[4096], c;
    VALUE(read(fan, b, sizeof b));
    int f = MUST(open("f", O_RDWR));
    read(f, &c, 1);
    write(f, "x", 1);
    close(f);
    ssize_t n = read(fan, b, sizeof b);
    for (struct fanotify_event_metadata *m = (void *)b; FAN_EVENT_OK(m, n); m = FAN_EVENT_NEXT(m, n)) {
        char text[8] = "";
        pread(m->fd, text, 7, 0);
        say("version %d length %d mask %#llx own %d content %s\n", m->vers, m->event_len, (unsigned long long)m->mask, m->pid == getpid(), text);
        close(m->fd);
    }
    VALUE(fanotify_mark(fan, FAN_MARK_REMOVE, FAN_OPEN, d, "f"));
    close(open("f", O_RDONLY));
    n = read(fan, b, sizeof b);
    for (struct fanotify_event_metadata *m = (void *)b; FAN_EVENT_OK(m, n); m = FAN_EVENT_NEXT(m, n)) say("mask %#llx\n", (unsigned long long)m->mask), close(m->fd);
    VALUE(fanotify_mark(fan, FAN_MARK_FLUSH, 0, d, NULL));
    close(open("f", O_RDONLY));
    VALUE(read(fan, b, sizeof b));
    VALUE(fanotify_init(1 << 30, 0));
    VALUE(fanotify_init(0, 0x7fffffff));
}
