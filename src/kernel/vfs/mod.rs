//! Paths: from what the guest names to a host directory and a last component.
//!
//! Without a rootfs the host resolves paths. With one there are two ways:
//! - in user space (`View::Rooted`): every component is walked with `O_PATH | O_NOFOLLOW`, symbolic links are followed
//!   as text, `..` stops at the root, and the caller does its call relative to the parent directory that came out,
//!   so that neither links nor `..` nor a race in between lead out of the root. Directories of the host are shown
//!   inside (`Bind`); a bind is found by the identity of its parent directory, so links cannot hide it. What leads
//!   through no bind the host resolves at once, within the root (openat2(2)); see `quick`. What lies on a read-only
//!   bind is refused to calls that would change it; see `readonly`.
//! - by the kernel (`View::Entered`): a guest that gets a mount namespace of its own gets the root for real: binds
//!   become mounts there, and the root the process's (`enter`). Mounts and roots are the kernel's from then on.
//!
//! In both, links of procfs that are not text (`/proc/self/fd/3`, `root`, `cwd`, `exe`) are never given to the host to
//! follow, except the own descriptors of the guest; and `..` does not lead out of a directory that was given by
//! descriptor and is not to be seen from the root.
//!
//! How a program that is executed comes by its root is in `handed`; how the guest's mount namespaces are known from the
//! host's in `mark`.
//!
//! Names of Unix sockets, which the host keeps as text, are in `socket`.
//!
//! Knows nothing of system calls' argument forms and of what is done with the result.

mod enter;
mod handed;
mod mark;
mod quick;
mod readonly;
mod socket;
mod walk;

use super::fd;
use crate::sys::proc::PROC_SUPER_MAGIC;
use crate::sys::{Errno, host, mount, proc};
use mark::Mark;
use readonly::On;
use serde::{Deserialize, Serialize};
use std::ffi::{CString, OsStr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use walk::Walk;

pub use enter::Join;
pub use handed::HandedOn;
pub use mark::is_reserved;
pub use quick::{OPEN_FLAGS, open_found};
pub use readonly::Use;

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
    /// What it hides: the host path of the place it is shown at.
    hidden: Vec<u8>,
    fd: Arc<OwnedFd>,
    id: Id,
    read_only: bool,
    optional: bool,
}

impl Bind {
    /// What leads to it.
    fn again(&self) -> Shown {
        let path = |p: &[u8]| PathBuf::from(OsStr::from_bytes(p));
        Shown {
            host: path(&self.host),
            guest: path(&self.guest),
            read_only: self.read_only,
            optional: self.optional,
        }
    }
}

/// A host directory that the guest is to see.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shown {
    /// Where it is.
    #[serde(with = "handed::path")]
    pub host: PathBuf,
    /// Where the guest is to see it; the directory above must exist inside.
    #[serde(with = "handed::path")]
    pub guest: PathBuf,
    /// The guest may change nothing there.
    pub read_only: bool,
    /// Left out if it is not there, or cannot be shown.
    pub optional: bool,
}

/// The outermost root.
#[derive(Debug)]
struct Root {
    host: Vec<u8>,
    fd: Arc<OwnedFd>,
    id: Id,
    binds: Vec<Bind>,
}

/// Where the guest's paths begin after chroot(2).
#[derive(Debug)]
struct Base {
    fd: Arc<OwnedFd>,
    id: Id,
    /// As a path in the outermost root.
    guest: Vec<u8>,
    on: On,
}

/// What a guest with a root in user space takes for a mount.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Where, as a guest path.
    pub point: Vec<u8>,
    /// The guest may change nothing there.
    pub read_only: bool,
    /// What is to be seen there.
    pub fd: Arc<OwnedFd>,
}

/// What the guest's paths mean.
#[derive(Clone, Debug, Default)]
enum View {
    /// What the host's mean.
    #[default]
    Host,
    /// A directory is the root, in user space.
    Rooted(Arc<Root>, Option<Arc<Base>>),
    /// The process's root is the guest's, in a mount namespace that the guest sees all of.
    Entered(Option<Mark>),
}

/// Where a guest with a root of its own began, and may come back to from other mount namespaces.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Home {
    /// The mount namespace's identity.
    pub namespace: (u64, u64),
    /// The root directory's.
    pub root: (u64, u64),
    /// Where the root is, in that namespace.
    #[serde(with = "handed::path")]
    pub dir: PathBuf,
    /// What is to be seen there.
    pub shown: Vec<Shown>,
}

/// What threads with a common root and current directory share (CLONE_FS). See the module's head.
#[derive(Debug, Default)]
pub struct Fs {
    view: RwLock<View>,
    /// `None` without a rootfs.
    home: Option<Arc<Home>>,
}

impl Clone for Fs {
    fn clone(&self) -> Fs {
        Fs {
            view: RwLock::new(self.view()),
            home: self.home.clone(),
        }
    }
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
    on: On,
    /// What is left to resolve: one component (or `.`) with a rootfs, the guest's whole path without.
    pub name: CString,
    /// The last component is known to be no symbolic link that may be followed.
    pub exact: bool,
}

#[derive(Clone, Debug)]
enum Dir {
    /// The guest's.
    Borrowed(RawFd),
    Owned(Arc<OwnedFd>),
}

impl Dir {
    fn new(fd: OwnedFd) -> Dir {
        Dir::Owned(Arc::new(fd))
    }

    fn fd(&self) -> RawFd {
        match self {
            Dir::Borrowed(fd) => *fd,
            Dir::Owned(fd) => fd.as_raw_fd(),
        }
    }

    fn id(&self) -> Result<Id, Errno> {
        match self {
            Dir::Borrowed(libc::AT_FDCWD) => {
                let st = host::fstatat(libc::AT_FDCWD, c".", 0)?;
                Ok((st.st_dev, st.st_ino))
            }
            dir => id(dir.fd()),
        }
    }
}

impl At {
    /// The file of one of felix's own descriptors, by the link in the host's /proc.
    pub fn behind(file: RawFd) -> Result<At, Errno> {
        let links = proc::open("self/fd", libc::O_PATH | libc::O_DIRECTORY)?;
        Ok(At {
            dir: Dir::new(links),
            on: On::Descriptor,
            name: c(file.to_string().as_bytes())?,
            exact: false,
        })
    }

    /// The directory.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.dir.fd()
    }

    /// Moves felix's own descriptor out of the way, so that a call that makes a new one gets the lowest number.
    pub fn raise(self) -> Result<At, Errno> {
        match self.dir {
            Dir::Owned(o) if !fd::is_hidden(o.as_raw_fd()) => {
                let copy = host::dup_high(o.as_raw_fd(), fd::base())?;
                Ok(At {
                    dir: Dir::new(copy),
                    ..self
                })
            }
            _ => Ok(self),
        }
    }

    /// openat(2) of it for felix itself.
    pub fn open(&self, flags: i32) -> Result<OwnedFd, Errno> {
        let nofollow = if self.exact { libc::O_NOFOLLOW } else { 0 };
        host::openat(self.fd(), &self.name, flags | nofollow, 0)
    }

    /// One path, for calls that take no directory descriptor: by the descriptor's name in /proc. `None` if the guest's root
    /// has no such name.
    pub fn path(&self) -> Result<Option<CString>, Errno> {
        let number = match &self.dir {
            Dir::Borrowed(libc::AT_FDCWD) => return Ok(Some(self.name.clone())),
            dir => dir.fd(),
        };
        let named = format!("/proc/self/fd/{number}");
        let there = host::fstatat(libc::AT_FDCWD, &host::cstring(named.as_bytes())?, 0);
        if !there.is_ok_and(|st| Ok((st.st_dev, st.st_ino)) == id(number)) {
            return Ok(None);
        }
        let path = [named.as_bytes(), b"/", self.name.as_bytes()].concat();
        host::cstring(&path).map(Some)
    }

    /// Does a call that takes one path and no directory descriptor.
    pub fn with_path<T>(&self, call: impl FnOnce(CString) -> Result<T, Errno>) -> Result<T, Errno> {
        match self.path()? {
            Some(path) => call(path),
            None => self.from_here(|| call(self.name.clone())),
        }
    }

    /// Does a call while the directory is the current one.
    pub fn from_here<T>(&self, call: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
        let back = host::openat(libc::AT_FDCWD, c".", PATH_DIR, 0)?;
        let back = fd::hide(back)?;
        host::fchdir(self.fd())?;
        let result = call();
        host::fchdir(back.as_raw_fd())?;
        result
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

/// What follows `base` in `path`, if that is at or below it.
fn below<'a>(path: &'a [u8], base: &[u8]) -> Option<&'a [u8]> {
    match path.strip_prefix(base) {
        Some(rest) if rest.is_empty() || rest[0] == b'/' || base == b"/" => Some(rest),
        _ => None,
    }
}

/// A path that begins with a slash: of what follows a root.
fn from_root(rest: &[u8]) -> Vec<u8> {
    match rest.first() {
        Some(b'/') => rest.to_vec(),
        _ => [b"/", rest].concat(),
    }
}

const PATH_DIR: i32 = libc::O_PATH | libc::O_DIRECTORY;

/// A directory of the host: its canonical path, a descriptor, its identity.
type Directory = (Vec<u8>, Arc<OwnedFd>, Id);

fn directory(path: &Path) -> Result<Directory, (PathBuf, Errno)> {
    let fail = |e| (path.to_path_buf(), e);
    let real = path.canonicalize().map_err(|e| fail(Errno::of(&e)))?;
    let real = real.into_os_string().into_encoded_bytes();
    let fd = c(&real)
        .and_then(|p| host::openat(libc::AT_FDCWD, &p, PATH_DIR, 0))
        .and_then(fd::hide)
        .map_err(fail)?;
    let id = id(fd.as_raw_fd()).map_err(fail)?;
    Ok((real, Arc::new(fd), id))
}

impl Root {
    /// The path in the root of a host path by this mount.
    fn named(&self, on: On, host: &[u8]) -> Option<Vec<u8>> {
        match on {
            On::Root => below(host, &self.host).map(from_root),
            On::Bind(i) => {
                let b = &self.binds[i];
                let rest = below(host, &b.host)?;
                let rest = match &b.host[..] {
                    b"/" if !rest.is_empty() => from_root(rest),
                    _ => rest.to_vec(),
                };
                Some([b.guest.as_slice(), &rest].concat())
            }
            On::Descriptor => None,
        }
    }

    /// The path in the root of a host path, if it is to be seen there.
    fn inside(&self, host: &[u8]) -> Option<Vec<u8>> {
        let bound = (self.binds.iter().enumerate())
            .filter_map(|(i, b)| Some((b.host.len(), self.named(On::Bind(i), host)?)));
        let rooted = self.named(On::Root, host).map(|p| (self.host.len(), p));
        bound
            .max_by_key(|(len, _)| *len)
            .into_iter()
            .chain(rooted)
            .max_by_key(|(len, _)| *len)
            .map(|(_, p)| p)
    }
}

impl Fs {
    fn view(&self) -> View {
        self.view
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, view: View) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
    }

    /// Gives up what a child in borrowed memory has made of what it was given: the descriptors were the child's, and their
    /// numbers may stand for others here.
    pub fn abandon(&self, given: &Fs) {
        let view = self.view();
        let same = match (&view, &given.view()) {
            (View::Rooted(a, b), View::Rooted(c, d)) => {
                Arc::ptr_eq(a, c) && b.as_ref().map(Arc::as_ptr) == d.as_ref().map(Arc::as_ptr)
            }
            (View::Entered(a), View::Entered(b)) => {
                a.as_ref().map(Mark::handle) == b.as_ref().map(Mark::handle)
            }
            (View::Host, View::Host) => true,
            _ => false,
        };
        if !same {
            std::mem::forget(view);
        }
    }

    /// Guest paths are host paths.
    #[must_use]
    pub fn host() -> Fs {
        Fs::default()
    }

    /// Guest paths are inside `dir`, where `shown` is to be seen; of two at one place the later.
    pub fn rooted(dir: &Path, shown: &[Shown]) -> Result<Fs, (PathBuf, Errno)> {
        let root = Root::new(dir, shown)?;
        let namespace = proc::stat("self/ns/mnt").map_err(|e| ("/proc/self/ns/mnt".into(), e))?;
        let home = Home {
            namespace: (namespace.st_dev, namespace.st_ino),
            root: root.id,
            dir: PathBuf::from(OsStr::from_bytes(&root.host)),
            // Without what could not be, and by paths that lead there from anywhere.
            shown: root.binds.iter().map(Bind::again).collect(),
        };
        Ok(Fs {
            view: RwLock::new(View::Rooted(Arc::new(root), None)),
            home: Some(Arc::new(home)),
        })
    }

    /// See `Home`.
    #[must_use]
    pub fn home(&self) -> Option<&Home> {
        self.home.as_deref()
    }

    /// True if the root is a directory in user space.
    #[must_use]
    pub fn is_rooted(&self) -> bool {
        matches!(self.view(), View::Rooted(..))
    }

    /// True if the guest has a root of its own, of whichever kind.
    #[must_use]
    pub fn is_confined(&self) -> bool {
        !matches!(self.view(), View::Host)
    }

    /// True if the process's root is the guest's, and not the host's.
    #[must_use]
    pub fn is_entered(&self) -> bool {
        matches!(self.view(), View::Entered(_))
    }

    /// What is mounted in a root in user space, as the guest is to see it: the root itself, and what is shown inside.
    #[must_use]
    pub fn mounts(&self) -> Vec<Mount> {
        let View::Rooted(root, base) = self.view() else {
            return Vec::new();
        };
        let (start, fd) = match &base {
            None => (Vec::new(), &root.fd),
            Some(b) => (b.guest.clone(), &b.fd),
        };
        let shown = (root.binds.iter()).filter_map(|b| {
            Some(Mount {
                point: below(&b.guest, &start)?.to_vec(),
                read_only: b.read_only,
                fd: b.fd.clone(),
            })
        });
        let first = Mount {
            point: b"/".to_vec(),
            read_only: false,
            fd: fd.clone(),
        };
        [first]
            .into_iter()
            .chain(shown.filter(|m| !m.point.is_empty()))
            .collect()
    }

    /// The guest's name for a host path, if the guest can see it.
    #[must_use]
    pub fn guest_path(&self, host: &[u8]) -> Option<Vec<u8>> {
        match self.view() {
            View::Host | View::Entered(_) => Some(host.to_vec()),
            View::Rooted(root, base) => {
                let inside = root.inside(host)?;
                match base {
                    None => Some(inside),
                    Some(b) => below(&inside, &b.guest).map(from_root),
                }
            }
        }
    }

    /// The guest's current directory (getcwd(2)).
    pub fn getcwd(&self) -> Result<Vec<u8>, Errno> {
        let host = host::getcwd()?;
        match self.guest_path(&host) {
            Some(p) => Ok(p),
            None if host.starts_with(b"(unreachable)") => Ok(host),
            // The kernel's way to say so; where it lies is no business of the guest's.
            None => Ok(b"(unreachable)/".to_vec()),
        }
    }

    /// Puts the current directory inside the root, if it is not: at the same place if it is visible, else at `/`.
    pub fn enter(&self) -> Result<(), Errno> {
        let View::Rooted(root, base) = self.view() else {
            return Ok(());
        };
        match host::getcwd() {
            Ok(cwd) if self.guest_path(&cwd).is_some() => Ok(()),
            _ => host::fchdir(base.map_or(root.fd.as_raw_fd(), |b| b.fd.as_raw_fd())),
        }
    }

    /// Resolves a path (path_resolution(7)).
    pub fn resolve(&self, dirfd: RawFd, path: &[u8], last: Last) -> Result<At, Errno> {
        self.resolve_by(dirfd, path, last, 0)
    }

    /// Resolves a path by these `rules` (RESOLVE_*, openat2(2)), which take a root of the guest's own.
    pub fn resolve_by(
        &self,
        dirfd: RawFd,
        path: &[u8],
        last: Last,
        rules: u64,
    ) -> Result<At, Errno> {
        let view = self.view();
        if let View::Host = view {
            return Ok(At {
                dir: Dir::Borrowed(dirfd),
                on: On::Root,
                name: c(path)?,
                exact: false,
            });
        }
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        if path.len() >= 4096 {
            return Err(Errno::ENAMETOOLONG);
        }
        let mut walk = Walk::new(&view, dirfd, path)?;
        if rules != 0 {
            walk.obey(rules, dirfd)?;
        } else if let Some((dir, on, name)) = quick::parent(&view, dirfd, path) {
            walk.skip_to(dir, on, name);
        }
        walk.run(last)
    }

    /// chroot(2): what the guest's absolute paths begin with from now on.
    pub fn chroot(&self, dir: OwnedFd) -> Result<(), Errno> {
        if !mount::capable(mount::SYS_CHROOT) {
            return Err(Errno::EPERM);
        }
        let View::Rooted(root, _) = self.view() else {
            fd::keep_proc()?;
            // By descriptor: what leads there may lead elsewhere by now.
            let here = host::openat(libc::AT_FDCWD, c".", PATH_DIR, 0)?;
            host::fchdir(dir.as_raw_fd())?;
            let done = mount::chroot_here();
            proc::root_changes();
            host::fchdir(here.as_raw_fd())?;
            return done;
        };
        let id = id(dir.as_raw_fd())?;
        let guest = root
            .inside(&host::fd_path(dir.as_raw_fd())?)
            .ok_or(Errno::EACCES)?;
        let base = (id != root.id).then(|| -> Result<_, Errno> {
            Ok(Arc::new(Base {
                fd: Arc::new(fd::hide(dir)?),
                id,
                on: root.on(&guest),
                guest,
            }))
        });
        self.set(View::Rooted(root, base.transpose()?));
        Ok(())
    }
}

impl Root {
    fn new(dir: &Path, shown: &[Shown]) -> Result<Root, (PathBuf, Errno)> {
        let (host, fd, id) = directory(dir)?;
        let mut root = Root {
            host,
            fd,
            id,
            binds: Vec::new(),
        };
        for wish in shown {
            match root.bind(wish) {
                Ok(b) => {
                    root.binds
                        .retain(|old| (old.parent, &old.name) != (b.parent, &b.name));
                    root.binds.push(b);
                }
                Err(_) if wish.optional => {}
                Err(e) => return Err(e),
            }
        }
        Ok(root)
    }

    fn bind(&self, wish: &Shown) -> Result<Bind, (PathBuf, Errno)> {
        let (host, fd, id_of_it) = directory(&wish.host)?;
        let fail = |e| (wish.guest.clone(), e);
        let parts: Vec<Vec<u8>> = components(wish.guest.as_os_str().as_bytes()).collect();
        let (name, above) = parts.split_last().ok_or_else(|| fail(Errno::EINVAL))?;
        let above = [&b"/"[..], &above.join(&b'/')].concat();
        let at = Walk::in_root(self, &above)
            .and_then(|w| w.run(Last::Follow))
            .map_err(fail)?;
        let parent = at.open(PATH_DIR).map_err(fail)?;
        let place = host::fd_path(parent.as_raw_fd()).map_err(fail)?;
        // Without the links that its own path may go through.
        let guest = self.named(at.on, &place).ok_or(fail(Errno::ENOENT))?;
        let joined = |dir: &[u8]| {
            let slash: &[u8] = if dir == b"/" { b"" } else { b"/" };
            [dir, slash, name].concat()
        };
        Ok(Bind {
            guest: joined(&guest),
            host,
            parent: id(parent.as_raw_fd()).map_err(fail)?,
            hidden: joined(&place),
            name: name.clone(),
            fd,
            id: id_of_it,
            read_only: wish.read_only,
            optional: wish.optional,
        })
    }
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
mod tests;
