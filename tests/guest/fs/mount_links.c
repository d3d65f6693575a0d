// open_tree(2), move_mount(2) and mount_setattr(2) follow a link at the end of a path, or do not, as their flags say.
#include "check.h"
// rootfs: too
#include <sys/mount.h>
// qemu-user: has no user namespaces

int main(void) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS)) { say("%s\n", error_name(errno)); return 0; }
    MUST(mkdir("dir", 0700));
    MUST(symlink("dir", "link"));
    put_file("regular", "x"), put_file("dir/inside", "y");
    int tree = syscall(SYS_open_tree, AT_FDCWD, "link", OPEN_TREE_CLONE | AT_SYMLINK_NOFOLLOW);
    if (tree < 0) { say("%s\n", error_name(errno)); return 0; }
    // A link may be mounted over a file, but not over a directory.
    VALUE(syscall(SYS_move_mount, tree, "", AT_FDCWD, "dir", MOVE_MOUNT_F_EMPTY_PATH));
    VALUE(syscall(SYS_move_mount, tree, "", AT_FDCWD, "regular", MOVE_MOUNT_F_EMPTY_PATH));
    char b[16] = "";
    VALUE(readlink("regular", b, sizeof b - 1));
    say("regular leads to %s\n", b);
    VALUE(umount2("regular", UMOUNT_NOFOLLOW));
    VALUE(readlink("regular", b, sizeof b - 1));
    tree = MUST(syscall(SYS_open_tree, AT_FDCWD, "link", OPEN_TREE_CLONE));
    VALUE(syscall(SYS_move_mount, tree, "", AT_FDCWD, "link", MOVE_MOUNT_F_EMPTY_PATH));
    MUST(mkdir("place", 0700)), MUST(symlink("place", "to"));
    VALUE(syscall(SYS_move_mount, tree, "", AT_FDCWD, "to", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS));
    VALUE(access("place/inside", F_OK));
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
    VALUE(syscall(SYS_mount_setattr, AT_FDCWD, "to", AT_SYMLINK_NOFOLLOW, &read_only, sizeof read_only));
    VALUE(syscall(SYS_mount_setattr, AT_FDCWD, "to", 0, &read_only, sizeof read_only));
    VALUE(mkdir("place/new", 0700));
    return 0;
}
