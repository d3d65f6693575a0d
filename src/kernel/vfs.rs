//! Paths: from what the guest names to a host directory and a last component.
//!
//! Without a rootfs the host resolves paths. With one, every component is walked here with
//! `O_PATH | O_NOFOLLOW`, symbolic links are followed as text, `..` stops at the root, and the caller does its call
//! relative to the parent directory that came out, so that neither links nor `..` nor a race in between lead out
//! of the root. Directories of the host are shown inside (`Bind`); a bind is found by the identity of its parent
//! directory, so links cannot hide it. Links of procfs that are not text (`/proc/self/fd/3`, `root`, `cwd`, `exe`) are
//! never given to the host to follow, except the own descriptors of the guest.
//!
//! Knows nothing of system calls' argument forms and of what is done with the result.

use super::fd;
use crate::sys::{Errno, host};
use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// PROC_SUPER_MAGIC (statfs(2)).
const PROC_SUPER_MAGIC: i64 = 0x9fa0;
/// How many links one path may go through (path_resolution(7)).
const MAX_LINKS: u32 = 40;

/// A file's identity.
type Id = (u64, u64);

fn id(fd: RawFd) -> Result<Id, Errno> {
    let st = host::fstat(fd)?;
    Ok((st.st_dev, st.st_ino))
}

/// A directory of the host that the guest sees.
#[derive(Debug)]
struct Bind {
    /// Guest path, without a trailing slash.
    guest: Vec<u8>,
    /// Canonical host path.
    host: Vec<u8>,
    name: Vec<u8>,
    parent: Id,
    fd: OwnedFd,
    id: Id,
}

#[derive(Debug)]
struct Root {
    host: Vec<u8>,
    fd: OwnedFd,
    id: Id,
    binds: Vec<Bind>,
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Fs {
    root: Option<Root>,
}

/// What to do with a symbolic link as the last component.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Last {
    /// Follow it.
    Follow,
    /// It is the object.
    NoFollow,
}

/// A resolved path: `name` relative to `fd()`.
#[derive(Debug)]
pub struct At {
    dir: Dir,
    /// What is left to resolve: one component (or `.`) with a rootfs, the guest's whole path without.
    pub name: CString,
    /// The last component is known to be no symbolic link that may be followed.
    pub exact: bool,
}

#[derive(Debug)]
enum Dir {
    Borrowed(RawFd),
    Owned(OwnedFd),
}

impl Dir {
    fn fd(&self) -> RawFd {
        match self {
            Dir::Borrowed(fd) => *fd,
            Dir::Owned(fd) => fd.as_raw_fd(),
        }
    }
}

impl At {
    /// The directory.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.dir.fd()
    }

    /// Moves felix's own descriptor out of the way, so that a call that makes a new one gets the lowest number.
    pub fn raise(self) -> Result<At, Errno> {
        match self.dir {
            Dir::Owned(o) => Ok(At {
                dir: Dir::Owned(fd::hide(o)?),
                ..self
            }),
            Dir::Borrowed(_) => Ok(self),
        }
    }

    /// openat(2) of it for felix itself.
    pub fn open(&self, flags: i32) -> Result<OwnedFd, Errno> {
        let nofollow = if self.exact { libc::O_NOFOLLOW } else { 0 };
        host::openat(self.fd(), &self.name, flags | nofollow, 0)
    }

    /// One path for calls that take no directory descriptor.
    pub fn path(&self) -> Result<CString, Errno> {
        match &self.dir {
            Dir::Borrowed(libc::AT_FDCWD) => Ok(self.name.clone()),
            dir => {
                let mut p = format!("/proc/self/fd/{}/", dir.fd()).into_bytes();
                p.extend_from_slice(self.name.as_bytes());
                host::cstring(&p)
            }
        }
    }
}

fn c(bytes: &[u8]) -> Result<CString, Errno> {
    CString::new(bytes).map_err(|_| Errno::ENOENT)
}

fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = Vec<u8>> {
    path.split(|b| *b == b'/')
        .filter(|c| !c.is_empty() && *c != b".")
        .map(<[u8]>::to_vec)
}

const PATH_DIR: i32 = libc::O_PATH | libc::O_DIRECTORY;

impl Fs {
    /// Guest paths are host paths.
    #[must_use]
    pub fn host() -> Fs {
        Fs { root: None }
    }

    /// Guest paths are inside `dir`. `binds` are pairs of a host directory and a guest path, whose parent must exist inside; a
    /// pair marked optional is left out if either does not exist.
    pub fn rooted(dir: &Path, binds: &[(PathBuf, PathBuf, bool)]) -> Result<Fs, (PathBuf, Errno)> {
        let at = |p: &Path| p.to_path_buf();
        let real = dir.canonicalize().map_err(|e| (at(dir), Errno::of(&e)))?;
        let open = |p: &Path| {
            c(p.as_os_str().as_bytes())
                .and_then(|p| host::openat(libc::AT_FDCWD, &p, PATH_DIR, 0))
                .and_then(fd::hide)
                .map_err(|e| (at(p), e))
        };
        let fd = open(&real)?;
        let root_id = id(fd.as_raw_fd()).map_err(|e| (at(dir), e))?;
        let mut fs = Fs {
            root: Some(Root {
                host: real.as_os_str().as_bytes().to_vec(),
                fd,
                id: root_id,
                binds: Vec::new(),
            }),
        };
        for (outside, inside, optional) in binds {
            match fs.bind(outside, inside) {
                Ok(b) => {
                    if let Some(r) = &mut fs.root {
                        r.binds.push(b);
                    }
                }
                Err(_) if *optional => {}
                Err(e) => return Err(e),
            }
        }
        Ok(fs)
    }

    fn bind(&self, outside: &Path, inside: &Path) -> Result<Bind, (PathBuf, Errno)> {
        let fail = |p: &Path| {
            let p = p.to_path_buf();
            move |e| (p, e)
        };
        let real = outside
            .canonicalize()
            .map_err(|e| (outside.to_path_buf(), Errno::of(&e)))?;
        let fd = c(real.as_os_str().as_bytes())
            .and_then(|p| host::openat(libc::AT_FDCWD, &p, PATH_DIR, 0))
            .and_then(fd::hide)
            .map_err(fail(outside))?;
        let parts: Vec<Vec<u8>> = components(inside.as_os_str().as_bytes()).collect();
        let (name, above) = parts
            .split_last()
            .ok_or((inside.to_path_buf(), Errno::EINVAL))?;
        let above = [&b"/"[..], &above.join(&b'/')].concat();
        let parent = self
            .resolve(libc::AT_FDCWD, &above, Last::Follow)
            .and_then(|at| at.open(PATH_DIR))
            .and_then(|d| id(d.as_raw_fd()))
            .map_err(fail(inside))?;
        let mut guest = Vec::new();
        for p in &parts {
            guest.push(b'/');
            guest.extend_from_slice(p);
        }
        let own = id(fd.as_raw_fd()).map_err(fail(outside))?;
        Ok(Bind {
            guest,
            host: real.as_os_str().as_bytes().to_vec(),
            name: name.clone(),
            parent,
            fd,
            id: own,
        })
    }

    /// True if there is a rootfs.
    #[must_use]
    pub fn is_rooted(&self) -> bool {
        self.root.is_some()
    }

    /// The host directories shown inside, as guest paths.
    pub fn binds(&self) -> impl Iterator<Item = &[u8]> {
        self.root
            .iter()
            .flat_map(|r| r.binds.iter().map(|b| b.guest.as_slice()))
    }

    /// The guest's name for a host path, if the guest can see it.
    #[must_use]
    pub fn guest_path(&self, host: &[u8]) -> Option<Vec<u8>> {
        let Some(root) = &self.root else {
            return Some(host.to_vec());
        };
        let below = |base: &[u8]| match host.strip_prefix(base) {
            Some(rest) if rest.is_empty() || rest[0] == b'/' || base == b"/" => Some(rest.to_vec()),
            _ => None,
        };
        let bound = root
            .binds
            .iter()
            .filter_map(|b| {
                below(&b.host).map(|rest| (b.host.len(), [b.guest.as_slice(), &rest].concat()))
            })
            .max_by_key(|(len, _)| *len);
        let rooted = below(&root.host).map(|rest| {
            (
                root.host.len(),
                if rest.is_empty() { b"/".to_vec() } else { rest },
            )
        });
        bound
            .into_iter()
            .chain(rooted)
            .max_by_key(|(len, _)| *len)
            .map(|(_, p)| p)
    }

    /// The guest's current directory (getcwd(2)).
    pub fn getcwd(&self) -> Result<Vec<u8>, Errno> {
        let host = host::getcwd()?;
        match self.guest_path(&host) {
            Some(p) => Ok(p),
            None if host.starts_with(b"(unreachable)") => Ok(host),
            None => Ok([&b"(unreachable)"[..], &host].concat()),
        }
    }

    /// Puts the current directory inside the root, if it is not: at the same place if it is visible, else at `/`.
    pub fn enter(&self) -> Result<(), Errno> {
        let Some(root) = &self.root else {
            return Ok(());
        };
        match host::getcwd() {
            Ok(cwd) if self.guest_path(&cwd).is_some() => Ok(()),
            _ => host::fchdir(root.fd.as_raw_fd()),
        }
    }

    /// Resolves a path (path_resolution(7)).
    pub fn resolve(&self, dirfd: RawFd, path: &[u8], last: Last) -> Result<At, Errno> {
        let Some(root) = &self.root else {
            return Ok(At {
                dir: Dir::Borrowed(dirfd),
                name: c(path)?,
                exact: false,
            });
        };
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        if path.len() >= 4096 {
            return Err(Errno::ENAMETOOLONG);
        }
        Walk::new(self, root, dirfd, path).run(last)
    }
}

/// One resolution under way.
struct Walk<'a> {
    fs: &'a Fs,
    root: &'a Root,
    /// The directory reached.
    at: Dir,
    /// Components still to do, last first.
    todo: Vec<Vec<u8>>,
    /// The path as it stands ends in a slash: its last component is a directory.
    slash: bool,
    /// `at` is a descriptor the guest gave and may lie outside.
    given: bool,
    links: u32,
}

impl<'a> Walk<'a> {
    fn new(fs: &'a Fs, root: &'a Root, dirfd: RawFd, path: &[u8]) -> Walk<'a> {
        let absolute = path[0] == b'/';
        Walk {
            fs,
            root,
            at: Dir::Borrowed(if absolute { root.fd.as_raw_fd() } else { dirfd }),
            todo: components(path).rev().collect(),
            slash: ends_in_directory(path),
            given: !absolute,
            links: 0,
        }
    }

    fn finish(self, name: &[u8], exact: bool) -> Result<At, Errno> {
        Ok(At {
            dir: self.at,
            name: c(name)?,
            exact,
        })
    }

    fn go(&mut self, dir: Dir) {
        self.at = dir;
        self.given = false;
    }

    fn run(mut self, last: Last) -> Result<At, Errno> {
        loop {
            let Some(name) = self.todo.pop() else {
                return self.finish(b".", true);
            };
            if name == b".." {
                self.up()?;
                continue;
            }
            if let Some(bind) = self.bind_below(&name)? {
                self.go(Dir::Borrowed(bind.fd.as_raw_fd()));
                continue;
            }
            let cname = c(&name)?;
            if !self.todo.is_empty() {
                match host::openat(self.at.fd(), &cname, PATH_DIR | libc::O_NOFOLLOW, 0) {
                    Ok(d) => self.go(Dir::Owned(d)),
                    Err(Errno::ENOTDIR | Errno::ELOOP) => {
                        match host::readlinkat(self.at.fd(), &cname) {
                            Ok(target) => {
                                if let Some(done) = self.link(&cname, target, false)? {
                                    return done.finish(&name, false);
                                }
                            }
                            Err(_) => return Err(Errno::ENOTDIR),
                        }
                    }
                    Err(e) => return Err(e),
                }
                continue;
            }
            if last == Last::Follow || self.slash {
                if let Ok(target) = host::readlinkat(self.at.fd(), &cname) {
                    match self.link(&cname, target, true)? {
                        Some(done) => return done.finish(&name, false),
                        None => {
                            if self.at_end() {
                                return self.finish(b".", true);
                            }
                            continue;
                        }
                    }
                }
                if self.slash {
                    return self.finish(&[&name[..], b"/"].concat(), true);
                }
            }
            return self.finish(&name, true);
        }
    }

    fn at_end(&self) -> bool {
        self.todo.is_empty()
    }

    fn up(&mut self) -> Result<(), Errno> {
        if self.given {
            let visible = match self.at {
                Dir::Borrowed(libc::AT_FDCWD) => host::getcwd()
                    .ok()
                    .and_then(|p| self.fs.guest_path(&p))
                    .is_some(),
                ref d => host::fd_path(d.fd())
                    .ok()
                    .and_then(|p| self.fs.guest_path(&p))
                    .is_some(),
            };
            if !visible {
                // A directory from outside: there is no way further out.
                return Ok(());
            }
        }
        let here = match self.at {
            Dir::Borrowed(libc::AT_FDCWD) => {
                let st = host::fstatat(libc::AT_FDCWD, c".", 0)?;
                (st.st_dev, st.st_ino)
            }
            ref d => id(d.fd())?,
        };
        if here == self.root.id {
            self.go(Dir::Borrowed(self.root.fd.as_raw_fd()));
        } else if let Some(b) = self.root.binds.iter().find(|b| b.id == here) {
            let above = b.guest[..b.guest.len() - b.name.len()].to_vec();
            self.go(Dir::Borrowed(self.root.fd.as_raw_fd()));
            self.todo.extend(components(&above).rev());
        } else {
            let d = host::openat(self.at.fd(), c"..", PATH_DIR, 0)?;
            self.go(Dir::Owned(d));
        }
        Ok(())
    }

    fn bind_below(&self, name: &[u8]) -> Result<Option<&'a Bind>, Errno> {
        if !self.root.binds.iter().any(|b| b.name == name) {
            return Ok(None);
        }
        let here = match self.at {
            Dir::Borrowed(libc::AT_FDCWD) => {
                let st = host::fstatat(libc::AT_FDCWD, c".", 0)?;
                (st.st_dev, st.st_ino)
            }
            ref d => id(d.fd())?,
        };
        Ok(self
            .root
            .binds
            .iter()
            .find(|b| b.name == name && b.parent == here))
    }

    /// Goes through the link `name`. Gives the walk back if the link is one the host may follow as the last step.
    fn link(
        &mut self,
        name: &CStr,
        target: Vec<u8>,
        last: bool,
    ) -> Result<Option<Walk<'a>>, Errno> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Errno::ELOOP);
        }
        let mut target = target;
        if matches!(self.at, Dir::Owned(_) | Dir::Borrowed(0..))
            && host::fs_type(self.at.fd()) == Ok(PROC_SUPER_MAGIC)
        {
            match self.magic(name, &target, last)? {
                Magic::Text => {}
                Magic::Path(p) => target = p,
                Magic::Enter(d) => {
                    self.go(Dir::Owned(d));
                    self.given = true;
                    return Ok(None);
                }
                Magic::Host => {
                    let fs = self.fs;
                    let root = self.root;
                    let walk = std::mem::replace(
                        self,
                        Walk {
                            fs,
                            root,
                            at: Dir::Borrowed(-1),
                            todo: Vec::new(),
                            slash: false,
                            given: false,
                            links: 0,
                        },
                    );
                    return Ok(Some(walk));
                }
            }
        }
        if target.is_empty() {
            return Err(Errno::ENOENT);
        }
        if target[0] == b'/' {
            self.go(Dir::Borrowed(self.root.fd.as_raw_fd()));
        }
        if last {
            self.slash |= ends_in_directory(&target);
        }
        self.todo.extend(components(&target).rev());
        Ok(None)
    }

    fn magic(&self, name: &CStr, target: &[u8], last: bool) -> Result<Magic, Errno> {
        let dir = host::fd_path(self.at.fd())?;
        let name = name.to_bytes();
        let visible = || {
            self.fs
                .guest_path(target)
                .map(Magic::Path)
                .ok_or(Errno::EACCES)
        };
        if dir.ends_with(b"/fd") {
            if !is_own(&dir[..dir.len() - 3]) {
                return visible();
            }
            let number = std::str::from_utf8(name)
                .ok()
                .and_then(|n| n.parse().ok())
                .unwrap_or(-1);
            if fd::is_hidden(number) {
                return Err(Errno::ENOENT);
            }
            if last {
                return Ok(Magic::Host);
            }
            return host::openat(self.at.fd(), &c(name)?, PATH_DIR, 0).map(Magic::Enter);
        }
        match name {
            // The guest's root, whoever's it is on the host.
            b"root" => Ok(Magic::Path(b"/".to_vec())),
            b"exe" | b"cwd" => visible(),
            _ if dir.ends_with(b"/map_files") => visible(),
            _ if dir.ends_with(b"/ns") && last => Ok(Magic::Host),
            _ => Ok(Magic::Text),
        }
    }
}

/// What a link of procfs is.
enum Magic {
    Text,
    Path(Vec<u8>),
    Enter(OwnedFd),
    Host,
}

fn ends_in_directory(path: &[u8]) -> bool {
    path.ends_with(b"/") || path.ends_with(b"/.") || path == b"."
}

/// True if this is the directory of this process, or of one of its threads, in procfs.
#[must_use]
pub fn is_own(dir: &[u8]) -> bool {
    let Some(rest) = dir.strip_prefix(b"/proc/") else {
        return false;
    };
    let mut parts = rest.split(|b| *b == b'/');
    let pid = host::getpid().to_string();
    let first = parts.next().unwrap_or(b"");
    let own = first == b"self" || first == pid.as_bytes();
    match (parts.next(), parts.next(), parts.next()) {
        (None, ..) => own || first == b"thread-self",
        (Some(b"task"), Some(_), None) => own,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("felix-vfs-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn rooted(dir: &Path) -> Fs {
        Fs::rooted(
            dir,
            &[
                ("/proc".into(), "/proc".into(), true),
                ("/dev".into(), "/dev".into(), true),
            ],
        )
        .unwrap()
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
            "/proc/self/root/secret",
            "/proc/../../secret",
            "/dev/../../secret",
        ] {
            assert_eq!(read(&fs, p), Err(Errno::ENOENT), "{p}");
        }
        for p in [
            "/proc/self/cwd/Cargo.toml",
            "/proc/1/root/etc/passwd",
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
        let own = &fs.root.as_ref().unwrap().fd;
        assert_eq!(
            read(&fs, &format!("/proc/self/fd/{}/../secret", own.as_raw_fd())),
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
}
