//! Resolution against real directories: nothing leads out, and what is found is the right thing.

use super::*;
use std::os::unix::fs::symlink;

fn scratch(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("felix-vfs-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn shown(host: impl Into<PathBuf>, guest: &str, read_only: bool) -> Shown {
    Shown {
        host: host.into(),
        guest: guest.into(),
        read_only,
        optional: true,
    }
}

fn rooted(dir: &Path) -> Fs {
    Fs::rooted(dir, &["/proc", "/dev"].map(|p| shown(p, p, false))).unwrap()
}

fn read(fs: &Fs, path: &str) -> Result<Vec<u8>, Errno> {
    use std::io::Read;
    let at = fs.resolve(libc::AT_FDCWD, path.as_bytes(), Last::Follow)?;
    let mut out = Vec::new();
    std::fs::File::from(at.open(libc::O_RDONLY)?)
        .read_to_end(&mut out)
        .map_err(|e| Errno::of(&e))?;
    Ok(out)
}

#[test]
fn nothing_leads_out_of_the_root() {
    let top = scratch("escape");
    std::fs::write(top.join("secret"), "outside").unwrap();
    let r = top.join("root");
    for d in ["a/b", "proc", "dev"] {
        std::fs::create_dir_all(r.join(d)).unwrap();
    }
    std::fs::write(r.join("a/file"), "inside").unwrap();
    symlink("../../../../secret", r.join("a/up")).unwrap();
    symlink(top.join("secret"), r.join("a/absolute")).unwrap();
    symlink("/a", r.join("toa")).unwrap();
    symlink("loop", r.join("loop")).unwrap();
    let fs = rooted(&r);
    assert_eq!(read(&fs, "/a/file").unwrap(), b"inside");
    assert_eq!(read(&fs, "/toa/b/../file").unwrap(), b"inside");
    assert_eq!(read(&fs, "/../../../a/./file").unwrap(), b"inside");
    for p in [
        "/a/up",
        "/a/absolute",
        "/../secret",
        concat!("/proc/self/", "root/secret"),
        "/proc/../../secret",
        "/dev/../../secret",
    ] {
        assert_eq!(read(&fs, p), Err(Errno::ENOENT), "{p}");
    }
    for p in [
        "/proc/self/cwd/Cargo.toml",
        concat!("/proc/1/", "root/etc/passwd"),
        "/proc/self/exe",
    ] {
        assert!(read(&fs, p).is_err(), "{p}");
    }
    assert_eq!(read(&fs, "/loop"), Err(Errno::ELOOP));
    assert_eq!(read(&fs, "/a/file/"), Err(Errno::ENOTDIR));
    assert_eq!(read(&fs, "/a/file/x"), Err(Errno::ENOTDIR));
    assert!(
        read(&fs, "/proc/self/status")
            .unwrap()
            .starts_with(b"Name:")
    );
    assert_eq!(read(&fs, "/dev/null").unwrap(), b"");
    let outside = host::openat(
        libc::AT_FDCWD,
        &c(top.as_os_str().as_bytes()).unwrap(),
        PATH_DIR,
        0,
    )
    .unwrap();
    let at = fs
        .resolve(outside.as_raw_fd(), b"../..", Last::Follow)
        .unwrap();
    assert_eq!(
        id(at.open(PATH_DIR).unwrap().as_raw_fd()),
        id(outside.as_raw_fd())
    );
    // Nor is there a way back up from below it but to where it began.
    std::fs::create_dir_all(top.join("beside/below")).unwrap();
    let at = fs.resolve(
        outside.as_raw_fd(),
        b"beside/below/../../../..",
        Last::Follow,
    );
    assert_eq!(
        id(at.unwrap().open(PATH_DIR).unwrap().as_raw_fd()),
        id(outside.as_raw_fd())
    );
    let View::Rooted(root, None) = fs.view() else {
        panic!("a root");
    };
    let own = root.fd.as_raw_fd();
    assert_eq!(
        read(&fs, &format!("/proc/self/fd/{own}/../secret")),
        Err(Errno::ENOENT)
    );
    std::fs::remove_dir_all(top).unwrap();
}

#[test]
fn guest_names_of_host_paths() {
    let r = scratch("names");
    std::fs::create_dir_all(r.join("dev")).unwrap();
    let fs = rooted(&r);
    let host = |p: &str| {
        [
            r.canonicalize().unwrap().as_os_str().as_bytes(),
            p.as_bytes(),
        ]
        .concat()
    };
    assert_eq!(fs.guest_path(&host("/usr/bin")).unwrap(), b"/usr/bin");
    assert_eq!(fs.guest_path(&host("")).unwrap(), b"/");
    assert_eq!(fs.guest_path(b"/dev/pts/0").unwrap(), b"/dev/pts/0");
    assert_eq!(fs.guest_path(b"/root"), None);
    std::fs::remove_dir_all(r).unwrap();
}

#[test]
fn what_the_host_resolves_at_once_is_what_the_walk_finds() {
    let r = scratch("quick");
    for d in ["usr/lib/x/y", "proc", "dev", "etc"] {
        std::fs::create_dir_all(r.join(d)).unwrap();
    }
    std::fs::write(r.join("usr/lib/x/y/file"), "inside").unwrap();
    std::fs::write(r.join("dev/null"), "hidden by the bind").unwrap();
    symlink("/usr/lib", r.join("lib")).unwrap();
    symlink("/dev/null", r.join("etc/nothing")).unwrap();
    symlink("../proc/self/mounts", r.join("etc/mtab")).unwrap();
    let fs = rooted(&r);
    let quick = |path: &str| {
        use std::io::Read;
        let fd = fs.open_at_once(libc::AT_FDCWD, path.as_bytes(), libc::O_RDONLY)?;
        let mut text = String::new();
        std::fs::File::from(fd).read_to_string(&mut text).unwrap();
        Some(text)
    };
    assert_eq!(quick("/usr/lib/x/y/file").as_deref(), Some("inside"));
    assert_eq!(quick("/../lib/x/../x/y/file").as_deref(), Some("inside"));
    // The walk knows better.
    for p in [
        "/dev/null",
        "/etc/nothing",
        "/etc/mtab",
        "/proc/self/maps",
        "/usr/none",
    ] {
        assert_eq!(quick(p), None, "{p}");
    }
    assert_eq!(read(&fs, "/etc/nothing").unwrap(), b"");
    assert!(!read(&fs, "/etc/mtab").unwrap().is_empty());
    std::fs::remove_dir_all(r).unwrap();
}

#[test]
fn chroot_makes_another_directory_the_root() {
    let r = scratch("chroot");
    for d in ["srv/x/proc", "proc", "dev"] {
        std::fs::create_dir_all(r.join(d)).unwrap();
    }
    std::fs::write(r.join("secret"), "above").unwrap();
    std::fs::write(r.join("srv/x/file"), "inside").unwrap();
    symlink("/file", r.join("srv/x/link")).unwrap();
    symlink("../../secret", r.join("srv/x/up")).unwrap();
    let fs = rooted(&r);
    let dir = fs.resolve(libc::AT_FDCWD, b"/srv/x", Last::Follow).unwrap();
    let dir = dir.open(PATH_DIR).unwrap();
    if fs.chroot(dir) == Err(Errno::EPERM) {
        eprintln!("not tested: chroot(2) takes CAP_SYS_CHROOT");
        return;
    }
    assert_eq!(read(&fs, "/file").unwrap(), b"inside");
    assert_eq!(read(&fs, "/link").unwrap(), b"inside");
    for p in ["/up", "/../../secret", "/srv/x/file", "/proc/self/status"] {
        assert_eq!(read(&fs, p), Err(Errno::ENOENT), "{p}");
    }
    let host = r.canonicalize().unwrap().join("srv/x/file");
    assert_eq!(
        fs.guest_path(host.as_os_str().as_bytes()).unwrap(),
        b"/file"
    );
    assert_eq!(
        fs.guest_path(r.canonicalize().unwrap().as_os_str().as_bytes()),
        None
    );
    std::fs::remove_dir_all(r).unwrap();
}

/// What openat2(2) gives for a path from `dir` by these rules: the object, or the error.
fn by_the_kernel(dir: RawFd, path: &str, rules: u64) -> Result<Id, Errno> {
    let name = c(path.as_bytes()).unwrap();
    id(host::openat2(dir, &name, libc::O_PATH | libc::O_CLOEXEC, rules)?.as_raw_fd())
}

#[test]
fn rules_are_obeyed_as_the_kernel_obeys_them() {
    let r = scratch("rules");
    for d in ["top/a/b/c", "proc", "dev", "beside"] {
        std::fs::create_dir_all(r.join(d)).unwrap();
    }
    std::fs::write(r.join("top/a/file"), "inside").unwrap();
    std::fs::write(r.join("beside/file"), "outside").unwrap();
    for (link, target) in [
        ("to_file", "file"),
        ("b/up", "../file"),
        ("b/out", "../../../beside/file"),
        ("b/abs", "/a/file"),
        ("b/dir", "/a"),
        ("loop", "loop"),
    ] {
        symlink(target, r.join("top/a").join(link)).unwrap();
    }
    let fs = rooted(&r);
    let top = host::openat(
        libc::AT_FDCWD,
        &c(r.join("top").as_os_str().as_bytes()).unwrap(),
        PATH_DIR,
        0,
    );
    let top = top.unwrap();
    if by_the_kernel(top.as_raw_fd(), "a", 0) == Err(Errno::ENOSYS) {
        eprintln!("not tested: this host has no openat2(2)");
        return;
    }
    let paths = [
        "a/file",
        "a/b/c",
        "a/b/c/../../file",
        "..",
        "../beside/file",
        "a/../../beside/file",
        "a/b/c/../../../..",
        "a/to_file",
        "a/b/up",
        "a/b/out",
        "a/b/abs",
        "a/b/dir/file",
        "a/b/dir/b/../file",
        "a/loop",
        "a/none",
        "a/file/x",
        ".",
        "a/b/dir",
        "a/./b/..",
        "a/b/dir/../a/file",
    ];
    // RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH, RESOLVE_IN_ROOT, with RESOLVE_NO_MAGICLINKS and RESOLVE_NO_XDEV.
    for scope in [8, 0x10] {
        for more in [0, 1, 2, 4, 7] {
            for path in paths {
                let rules = scope | more;
                let kernel = by_the_kernel(top.as_raw_fd(), path, rules);
                let walked = fs
                    .resolve_by(top.as_raw_fd(), path.as_bytes(), Last::Follow, rules)
                    .and_then(|at| id(at.open(libc::O_PATH)?.as_raw_fd()));
                assert_eq!(walked, kernel, "{path} by {rules:#x}");
            }
        }
    }
    for (path, rules, errno) in [
        ("/a/file", 8, Errno::EXDEV),
        ("/proc/self/exe", 2, Errno::ELOOP),
        ("/proc/self/fd", 4, Errno::ELOOP),
        ("/proc/version", 1, Errno::EXDEV),
    ] {
        let at = fs.resolve_by(top.as_raw_fd(), path.as_bytes(), Last::Follow, rules);
        assert_eq!(at.map(drop), Err(errno), "{path} by {rules:#x}");
    }
    std::fs::remove_dir_all(r).unwrap();
}
