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
    // The bind's.
    assert_eq!(quick("/dev/null").as_deref(), Some(""));
    // The walk knows better.
    for p in ["/etc/nothing", "/etc/mtab", "/proc/self/maps", "/usr/none"] {
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

/// A root with /ro, which is read-only, and /w, both of the host's, and what is in them: `file`, `dir`, `link` to file.
fn with_binds(name: &str) -> (PathBuf, Fs) {
    let top = scratch(name);
    for d in ["root/etc", "root/proc", "ro/dir", "w/dir"] {
        std::fs::create_dir_all(top.join(d)).unwrap();
    }
    for d in ["ro", "w"] {
        std::fs::write(top.join(d).join("file"), "content").unwrap();
        symlink("file", top.join(d).join("link")).unwrap();
    }
    symlink("/ro/file", top.join("root/etc/away")).unwrap();
    let binds = [
        shown("/proc", "/proc", false),
        shown(top.join("ro"), "/ro", true),
        shown(top.join("w"), "/w", false),
    ];
    let fs = Fs::rooted(&top.join("root"), &binds).unwrap();
    (top, fs)
}

#[test]
fn a_read_only_bind_refuses_what_would_change_it() {
    let (top, fs) = with_binds("readonly");
    let resolve = |path: &str, last, does| {
        fs.resolve_for(libc::AT_FDCWD, path.as_bytes(), last, does)
            .map(drop)
    };
    let (follow, not) = (Last::Follow, Last::NoFollow);
    for (path, last, does, errno) in [
        ("/ro/file", follow, Use::Change, Errno::EROFS),
        ("/ro/link", not, Use::Change, Errno::EROFS),
        ("/etc/away", follow, Use::Change, Errno::EROFS),
        ("/w/../ro/file", follow, Use::Change, Errno::EROFS),
        ("/ro/none", follow, Use::Change, Errno::ENOENT),
        ("/ro/dir", follow, Use::Resize, Errno::EISDIR),
        ("/ro/file", follow, Use::Resize, Errno::EROFS),
        ("/ro/none", not, Use::Make, Errno::EROFS),
        ("/ro/dir", not, Use::Make, Errno::EEXIST),
        ("/ro/none/x", not, Use::Make, Errno::ENOENT),
        ("/ro/none", not, Use::Remove, Errno::EROFS),
    ] {
        assert_eq!(resolve(path, last, does), Err(errno), "{path} {does:?}");
    }
    for (path, does) in [
        ("/ro/file", Use::Look),
        ("/w/file", Use::Change),
        ("/ro/../w/file", Use::Change),
        ("/w/none", Use::Make),
        ("/etc/away", Use::Remove),
    ] {
        assert_eq!(resolve(path, not, does), Ok(()), "{path} {does:?}");
    }
    let at = |path: &str| {
        fs.resolve(libc::AT_FDCWD, path.as_bytes(), Last::Follow)
            .unwrap()
    };
    let flags = |path: &str, flags| fs.open_flags(&at(path), flags);
    assert_eq!(flags("/ro/file", libc::O_RDONLY), Ok(libc::O_RDONLY));
    assert_eq!(flags("/ro/file", libc::O_RDWR), Err(Errno::EROFS));
    assert_eq!(flags("/ro/file", libc::O_CREAT), Ok(0));
    assert_eq!(flags("/ro/none", libc::O_CREAT), Err(Errno::EROFS));
    assert_eq!(flags("/ro/dir", libc::O_WRONLY), Err(Errno::EISDIR));
    assert_eq!(flags("/w/file", libc::O_RDWR), Ok(libc::O_RDWR));
    assert_eq!(fs.may_write(&at("/ro/dir")), Err(Errno::EROFS));
    assert_eq!(fs.may_write(&at("/w/dir")), Ok(()));
    for (from, to, result) in [
        ("/ro/file", "/ro/new", Err(Errno::EROFS)),
        ("/ro/file", "/w/new", Err(Errno::EXDEV)),
        ("/w/file", "/new", Err(Errno::EXDEV)),
        ("/w/file", "/w/new", Ok(())),
    ] {
        assert_eq!(fs.same_mount(&at(from), &at(to)), result, "{from} {to}");
    }
    // By descriptors, and by their names.
    let dir = at("/ro/dir").open(libc::O_RDONLY).unwrap();
    let file = at("/ro/file").open(libc::O_RDONLY).unwrap();
    assert!(fs.is_descriptor_read_only(file.as_raw_fd()));
    assert!(!fs.is_descriptor_read_only(at("/w/file").open(libc::O_RDONLY).unwrap().as_raw_fd()));
    let made = fs.resolve_for(dir.as_raw_fd(), b"new", not, Use::Make);
    assert_eq!(made.map(drop), Err(Errno::EROFS));
    let own = format!("/proc/self/fd/{}", file.as_raw_fd());
    assert_eq!(flags(&own, libc::O_RDWR), Err(Errno::EROFS));
    assert!(
        fs.open_at_once(dir.as_raw_fd(), b"../file", libc::O_RDWR)
            .is_none()
    );
    std::fs::remove_dir_all(top).unwrap();
}

#[test]
fn what_two_mounts_show_is_as_free_as_the_freer() {
    let top = scratch("both");
    std::fs::create_dir_all(top.join("root")).unwrap();
    std::fs::create_dir_all(top.join("mine/project")).unwrap();
    std::fs::write(top.join("mine/project/file"), "").unwrap();
    let project = top.join("mine/project");
    let binds = [
        shown(top.join("mine"), "/mine", false),
        shown(&project, "/other", true),
    ];
    let fs = Fs::rooted(&top.join("root"), &binds).unwrap();
    let change = |fs: &Fs, dirfd, path: &str| {
        fs.resolve_for(dirfd, path.as_bytes(), Last::Follow, Use::Change)
            .map(drop)
    };
    let cwd = libc::AT_FDCWD;
    assert_eq!(change(&fs, cwd, "/mine/project/file"), Ok(()));
    assert_eq!(change(&fs, cwd, "/other/file"), Err(Errno::EROFS));
    let dir = fs.resolve(cwd, b"/other", Last::Follow).unwrap();
    let dir = dir.open(PATH_DIR).unwrap();
    assert_eq!(change(&fs, dir.as_raw_fd(), "file"), Ok(()));
    // Over the place itself there is no other way.
    let binds = [
        shown(top.join("mine"), "/mine", false),
        shown(&project, "/mine/project", true),
    ];
    let fs = Fs::rooted(&top.join("root"), &binds).unwrap();
    assert_eq!(change(&fs, cwd, "/mine/project/file"), Err(Errno::EROFS));
    assert_eq!(change(&fs, dir.as_raw_fd(), "file"), Err(Errno::EROFS));
    std::fs::remove_dir_all(top).unwrap();
}

#[test]
fn what_is_shared_is_opened_at_once() {
    let top = scratch("shared");
    for d in ["root/mine", "root/deep/er", "mine/a/b", "t/a", "deep"] {
        std::fs::create_dir_all(top.join(d)).unwrap();
    }
    for f in ["mine/a/b/file", "t/a/file", "deep/file"] {
        std::fs::write(top.join(f), "shared").unwrap();
    }
    symlink("/etc", top.join("t/out")).unwrap();
    symlink("a/file", top.join("t/in")).unwrap();
    let binds = [
        shown(top.join("t"), "/tmp", false),
        shown(top.join("mine"), "/mine/u", false),
        shown(top.join("deep"), "/deep/er/still", false),
    ];
    let fs = Fs::rooted(&top.join("root"), &binds).unwrap();
    let quick = |path: &str| {
        fs.open_at_once(libc::AT_FDCWD, path.as_bytes(), libc::O_RDONLY)
            .is_some()
    };
    assert!(quick("/tmp/a/file") && quick("/tmp//in") && quick("/mine/u/a/b/file"));
    for walked in [
        "/tmp/out/passwd",
        "/tmp/../etc",
        "/deep/er/still/file",
        "/tmp",
    ] {
        assert!(!quick(walked), "{walked}");
    }
    assert_eq!(read(&fs, "/deep/er/still/file").unwrap(), b"shared");
    // The bind goes where its directory goes.
    std::fs::rename(top.join("root/mine"), top.join("root/moved")).unwrap();
    std::fs::create_dir(top.join("root/mine")).unwrap();
    assert!(!quick("/mine/u/a/b/file"));
    assert_eq!(read(&fs, "/mine/u/a/b/file"), Err(Errno::ENOENT));
    assert_eq!(read(&fs, "/moved/u/a/b/file").unwrap(), b"shared");
    std::fs::remove_dir_all(top).unwrap();
}

/// bind(2) of a new socket; what getsockname(2) gives of the path.
fn bound(fs: &Fs, text: &str, alone: bool) -> Result<Vec<u8>, Errno> {
    use crate::sys::cast::{reg, size};
    use crate::sys::host::{address_of, address_of_mut};
    use crate::sys::raw::syscall;
    let not = Last::NoFollow;
    let at = fs.resolve_for(libc::AT_FDCWD, text.as_bytes(), not, Use::Make)?;
    let socket = std::os::unix::net::UnixDatagram::unbound().unwrap();
    fs.bind_socket(&at, text.as_bytes(), alone, |path| {
        let address = [&[1, 0], path].concat();
        let len = address.len() as u64;
        let args = [
            reg(socket.as_raw_fd()),
            address_of(&address[..]),
            len,
            0,
            0,
            0,
        ];
        syscall(libc::SYS_bind, args)
    })?;
    let (mut address, mut len) = ([0u8; 128], 128u32);
    let (to, room) = (address_of_mut(&mut address), address_of_mut(&mut len));
    let args = [reg(socket.as_raw_fd()), to, room, 0, 0, 0];
    syscall(libc::SYS_getsockname, args)?;
    let path = &address[2..size(len.into()) - 1];
    Ok(fs.socket_name(path))
}

#[test]
fn sockets_are_bound_where_the_path_leads_and_told_by_its_text() {
    let (top, fs) = with_binds("sockets");
    let long = format!("/w/dir/{}", "x".repeat(90));
    for (text, alone) in [("/w/dir/one", false), ("/w/../w/dir/two", true)] {
        assert_eq!(bound(&fs, text, alone).as_deref(), Ok(text.as_bytes()));
        assert_eq!(bound(&fs, text, alone), Err(Errno::EADDRINUSE));
    }
    // The beginning of it.
    let told = bound(&fs, &long, false).unwrap();
    assert_eq!(
        bound(&fs, &format!("/w/{}", "y".repeat(104)), true).map(|t| t.len()),
        Ok(107)
    );
    assert!(told.len() > 60 && long.as_bytes().starts_with(&told));
    assert_eq!(bound(&fs, "/ro/new", false), Err(Errno::EROFS));
    let mut names: Vec<_> = (std::fs::read_dir(top.join("w/dir")).unwrap())
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["one", "two", &"x".repeat(90)]);
    std::fs::remove_dir_all(top).unwrap();
}

#[test]
fn the_link_to_felix_is_not_followed_where_felix_is_to_be_seen() {
    let felix = std::env::current_exe().unwrap();
    let dir = felix.parent().unwrap();
    let top = scratch("felix");
    for d in [dir, Path::new("/proc")] {
        std::fs::create_dir_all(top.join(d.strip_prefix("/").unwrap())).unwrap();
    }
    symlink("/proc/self/exe", top.join("link")).unwrap();
    let paths = [dir, Path::new("/proc")].map(|p| shown(p, p.to_str().unwrap(), false));
    let fs = Fs::rooted(&top, &paths).unwrap();
    let found = |path: &str| fs.resolve(libc::AT_FDCWD, path.as_bytes(), Last::Follow);
    assert!(found(felix.to_str().unwrap()).is_ok());
    assert_eq!(found("/proc/self/exe").err(), Some(Errno::EACCES));
    assert_eq!(found("/link").err(), Some(Errno::EACCES));
    assert_eq!(found("/proc/self/exe/x").err(), Some(Errno::ENOTDIR));
    std::fs::remove_dir_all(&top).unwrap();
}
