//! One path, component by component.

use super::{
    At, Base, Bind, Dir, Id, Last, On, PATH_DIR, PROC_SUPER_MAGIC, Root, View, c, components,
    ends_in_directory, is_own,
};
use crate::kernel::fd;
use crate::sys::{Errno, host, proc};
use std::ffi::CStr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

/// RESOLVE_* (openat2(2)).
pub(super) mod rule {
    pub const NO_XDEV: u64 = 1;
    pub const NO_MAGICLINKS: u64 = 2;
    pub const NO_SYMLINKS: u64 = 4;
    pub const BENEATH: u64 = 8;
    pub const IN_ROOT: u64 = 0x10;
}
/// The rules that do not let a path out of where it begins.
const SCOPED: u64 = rule::BENEATH | rule::IN_ROOT;

/// How many links one path may go through (path_resolution(7)).
const MAX_LINKS: u32 = 40;

/// One resolution under way.
pub(super) struct Walk<'a> {
    /// The root in user space; `None` where the kernel keeps it.
    root: Option<&'a Root>,
    base: Option<&'a Base>,
    /// The directory reached.
    pub(super) at: Dir,
    /// The mount it lies on.
    on: On,
    /// Components still to do, last first.
    pub(super) todo: Vec<Vec<u8>>,
    /// The path as it stands ends in a slash: its last component is a directory.
    slash: bool,
    /// Where `at` was given by descriptor, and not yet known to be visible: the directories on the way from there.
    given: Option<Vec<Dir>>,
    /// RESOLVE_* of openat2(2).
    rules: u64,
    /// What the rules do not let the path out of, and the mount it has to stay on.
    start: Option<(Dir, u64)>,
    /// A step went up: what was reached may have been moved meanwhile.
    went_up: bool,
    links: u32,
}

/// The components of a path, last first. A dot is one only at the end: what is before it is a directory then, and not what
/// the path names.
fn steps(path: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = path.rsplit(|b| *b == b'/').filter(|c| !c.is_empty());
    let dot = parts.next() == Some(b".");
    let dot = dot.then(|| b".".to_vec());
    dot.into_iter().chain(components(path).rev()).collect()
}

/// What a link of procfs is.
enum Magic {
    Text,
    Path(Vec<u8>),
    Enter(OwnedFd),
    Host,
}

impl<'a> Walk<'a> {
    /// The way of `path` from `dirfd` in this view, which is not the host's.
    pub(super) fn new(view: &'a View, dirfd: RawFd, path: &[u8]) -> Result<Walk<'a>, Errno> {
        let (root, base) = match view {
            View::Rooted(root, base) => (Some(&**root), base.as_deref()),
            _ => (None, None),
        };
        Walk::from(root, base, dirfd, path)
    }

    /// The way of an absolute path in `root`.
    pub(super) fn in_root(root: &'a Root, path: &[u8]) -> Result<Walk<'a>, Errno> {
        Walk::from(Some(root), None, -1, path)
    }

    fn from(
        root: Option<&'a Root>,
        base: Option<&'a Base>,
        dirfd: RawFd,
        path: &[u8],
    ) -> Result<Walk<'a>, Errno> {
        let mut walk = Walk {
            root,
            base,
            at: Dir::Borrowed(dirfd),
            on: On::Descriptor,
            todo: steps(path),
            slash: ends_in_directory(path),
            given: Some(Vec::new()),
            rules: 0,
            start: None,
            went_up: false,
            links: 0,
        };
        if path.first() == Some(&b'/') {
            walk.go_to_root()?;
        }
        Ok(walk)
    }

    /// Has the walk obey these rules; it has not begun.
    pub(super) fn obey(&mut self, rules: u64, dirfd: RawFd) -> Result<(), Errno> {
        let absolute = self.given.is_none();
        if rules & SCOPED != 0 && absolute {
            if rules & rule::BENEATH != 0 {
                return Err(Errno::EXDEV);
            }
            self.at = Dir::Borrowed(dirfd);
            self.on = On::Descriptor;
            self.given = Some(Vec::new());
        }
        self.rules = rules;
        let mount = match rules & rule::NO_XDEV {
            0 => 0,
            _ => self.mount()?,
        };
        self.start = Some((self.at.clone(), mount));
        Ok(())
    }

    /// The mount that `at` lies on; binds in user space are none.
    fn mount(&self) -> Result<u64, Errno> {
        let dir = host::openat(self.at.fd(), c".", PATH_DIR, 0)?;
        proc::mount_of(dir.as_raw_fd())
    }

    /// After each step: it has not left the mount.
    fn stays(&self) -> Result<(), Errno> {
        match &self.start {
            Some((_, mount)) if self.rules & rule::NO_XDEV != 0 && self.mount()? != *mount => {
                Err(Errno::EXDEV)
            }
            _ => Ok(()),
        }
    }

    fn finish(self, name: &[u8], exact: bool) -> Result<At, Errno> {
        self.stays()?;
        if self.went_up && self.given.is_none() && !self.visible(&self.at)? {
            // Someone has moved it, to where only a descriptor leads.
            return Err(Errno::ENOENT);
        }
        Ok(At {
            dir: self.at,
            on: self.on,
            name: c(name)?,
            exact,
        })
    }

    fn go_to_root(&mut self) -> Result<(), Errno> {
        (self.at, self.on) = match (self.base, self.root) {
            (Some(b), _) => (Dir::Owned(Arc::clone(&b.fd)), b.on),
            (None, Some(r)) => (Dir::Owned(Arc::clone(&r.fd)), On::Root),
            (None, None) => {
                let root = host::openat(libc::AT_FDCWD, c"/", PATH_DIR, 0)?;
                (Dir::new(root), On::Root)
            }
        };
        self.given = None;
        Ok(())
    }

    /// All but the last component lead to `dir`, which is visible.
    pub(super) fn skip_to(&mut self, dir: Dir, on: On, name: Vec<u8>) {
        (self.at, self.on) = (dir, on);
        self.given = None;
        self.todo = vec![name];
    }

    /// To a directory in `at`.
    fn down(&mut self, dir: Dir) {
        let from = std::mem::replace(&mut self.at, dir);
        if let Some(way) = &mut self.given {
            way.push(from);
        }
    }

    /// True if a directory is to be seen from the root, or from the root that the guest began with.
    fn visible(&self, dir: &Dir) -> Result<bool, Errno> {
        let Some(root) = self.root else {
            let own = match dir {
                Dir::Borrowed(libc::AT_FDCWD) => {
                    Dir::new(host::openat(libc::AT_FDCWD, c".", PATH_DIR, 0)?)
                }
                other => other.clone(),
            };
            return Ok(proc::sees_mount(proc::mount_of(own.fd())?));
        };
        let mut path = match dir {
            Dir::Borrowed(libc::AT_FDCWD) => host::getcwd(),
            dir => host::fd_path(dir.fd()),
        };
        let mut at = dir.clone();
        // It has none that is short enough (PATH_MAX), but a directory above it has.
        while matches!(path, Err(Errno::ENAMETOOLONG | Errno::ERANGE)) {
            at = Dir::new(host::openat(at.fd(), c"..", PATH_DIR, 0)?);
            path = host::fd_path(at.fd());
        }
        Ok(path.is_ok_and(|p| root.inside(&p).is_some()))
    }

    pub(super) fn run(mut self, last: Last) -> Result<At, Errno> {
        loop {
            let Some(name) = self.todo.pop() else {
                return self.finish(b".", true);
            };
            self.stays()?;
            if name == b"." {
                continue;
            }
            if name == b".." {
                self.up()?;
                continue;
            }
            if let (Some(root), Some(i)) = (self.root, self.bind_below(&name)?) {
                if self.rules & rule::NO_XDEV != 0 {
                    return Err(Errno::EXDEV);
                }
                self.down(Dir::Owned(Arc::clone(&root.binds[i].fd)));
                self.on = On::Bind(i);
                if self.rules & SCOPED == 0 {
                    self.given = None;
                }
                continue;
            }
            let cname = c(&name)?;
            if !self.todo.is_empty() {
                match host::openat(self.at.fd(), &cname, PATH_DIR | libc::O_NOFOLLOW, 0) {
                    Ok(d) => self.down(Dir::new(d)),
                    Err(Errno::ENOTDIR | Errno::ELOOP) => {
                        match host::readlinkat(self.at.fd(), &cname) {
                            Ok(target) => {
                                if self.link(&cname, target, false)? {
                                    return self.finish(&name, false);
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
                    if self.link(&cname, target, true)? {
                        return self.finish(&name, false);
                    }
                    if self.todo.is_empty() {
                        return self.finish(b".", true);
                    }
                    continue;
                }
                if self.slash {
                    return self.finish(&[&name[..], b"/"].concat(), true);
                }
            }
            return self.finish(&name, true);
        }
    }

    fn up(&mut self) -> Result<(), Errno> {
        if let Some(way) = &mut self.given {
            if let Some(back) = way.pop() {
                (self.at, self.on) = (back, On::Descriptor);
                return Ok(());
            }
            match self.rules & SCOPED {
                0 => {}
                rule::IN_ROOT => return Ok(()),
                _ => return Err(Errno::EXDEV),
            }
            if !self.visible(&self.at)? {
                // A directory from outside: there is no way further out.
                return Ok(());
            }
            self.given = None;
        }
        self.went_up = true;
        let Some(root) = self.root else {
            // The kernel stops at its root, and knows its mounts.
            let d = host::openat(self.at.fd(), c"..", PATH_DIR, 0)?;
            self.at = Dir::new(d);
            return Ok(());
        };
        let here = self.at.id()?;
        if self.base.is_some_and(|b| b.id == here) || here == root.id {
            // It stays where it is; the root's own descriptor is of that place, too.
            if here == root.id {
                (self.at, self.on) = (Dir::Owned(Arc::clone(&root.fd)), On::Root);
            }
        } else if let Some(b) = self.bind_of(root, here) {
            (self.at, self.on) = (Dir::Owned(Arc::clone(&root.fd)), On::Root);
            let above = &b.guest[..b.guest.len() - b.name.len()];
            self.todo.extend(components(above).rev());
        } else {
            let d = host::openat(self.at.fd(), c"..", PATH_DIR, 0)?;
            self.at = Dir::new(d);
        }
        Ok(())
    }

    /// The bind whose root this directory is: the one that the way went through, if several show it.
    fn bind_of(&self, root: &'a Root, dir: Id) -> Option<&'a Bind> {
        match self.on {
            On::Bind(i) if root.binds[i].id == dir => Some(&root.binds[i]),
            _ => root.binds.iter().find(|b| b.id == dir),
        }
    }

    fn bind_below(&self, name: &[u8]) -> Result<Option<usize>, Errno> {
        let binds = self.root.map_or(&[][..], |r| &r.binds);
        if !binds.iter().any(|b| b.name == name) {
            return Ok(None);
        }
        let here: Id = self.at.id()?;
        Ok((binds.iter()).position(|b| b.name == name && b.parent == here))
    }

    /// Goes through the link `name`. True if it is one that the host may follow as the last step.
    fn link(&mut self, name: &CStr, target: Vec<u8>, last: bool) -> Result<bool, Errno> {
        self.links += 1;
        if self.links > MAX_LINKS || self.rules & rule::NO_SYMLINKS != 0 {
            return Err(Errno::ELOOP);
        }
        let mut target = target;
        let named = !matches!(self.at, Dir::Borrowed(libc::AT_FDCWD));
        let type_here = match named {
            true => host::fs_type(self.at.fd()),
            false => host::openat(libc::AT_FDCWD, c".", PATH_DIR, 0)
                .and_then(|d| host::fs_type(d.as_raw_fd())),
        };
        if type_here == Ok(PROC_SUPER_MAGIC) {
            let magic = self.magic(name, &target, last);
            if !matches!(magic, Ok(Magic::Text)) && self.rules & rule::NO_MAGICLINKS != 0 {
                return Err(Errno::ELOOP);
            }
            if !matches!(magic, Ok(Magic::Text)) && self.rules & SCOPED != 0 {
                return Err(Errno::EXDEV);
            }
            match magic? {
                Magic::Text => {}
                Magic::Path(p) => target = p,
                Magic::Enter(d) => {
                    (self.at, self.on) = (Dir::new(d), On::Descriptor);
                    self.given = Some(Vec::new());
                    return Ok(false);
                }
                Magic::Host => return Ok(true),
            }
        }
        if target.is_empty() {
            return Err(Errno::ENOENT);
        }
        match (target[0], self.rules & SCOPED, &self.start) {
            (b'/', rule::IN_ROOT, Some((start, _))) => {
                (self.at, self.on) = (start.clone(), On::Descriptor);
                self.given = Some(Vec::new());
            }
            (b'/', 0, _) => self.go_to_root()?,
            (b'/', ..) => return Err(Errno::EXDEV),
            _ => {}
        }
        if last {
            self.slash |= ends_in_directory(&target);
        }
        self.todo.extend(steps(&target));
        Ok(false)
    }

    fn is_felix(&self, name: &CStr) -> bool {
        let id = |st: host::Stat| (st.st_dev, st.st_ino);
        let there = host::fstatat(self.at.fd(), name, 0).map(id);
        there.is_ok() && there == proc::stat("self/exe").map(id)
    }

    fn magic(&self, name: &CStr, target: &[u8], last: bool) -> Result<Magic, Errno> {
        let dir = match self.at {
            Dir::Borrowed(libc::AT_FDCWD) => host::getcwd()?,
            ref d => host::fd_path(d.fd())?,
        };
        let name_bytes = name.to_bytes();
        // Only what the guest would find by itself, and by the name that it finds it by.
        let seen = || match self.root {
            Some(root) => root
                .inside(target)
                .and_then(|p| match self.base {
                    Some(b) => super::below(&p, &b.guest).map(super::from_root),
                    None => Some(p),
                })
                .map(Magic::Path)
                .ok_or(Errno::EACCES),
            None => {
                let there = host::openat(self.at.fd(), name, libc::O_PATH, 0)?;
                let mount = proc::mount_of(there.as_raw_fd())?;
                match proc::sees_mount(mount) {
                    true => Ok(Magic::Enter(there)),
                    false => Err(Errno::EACCES),
                }
            }
        };
        if dir.ends_with(b"/fd") {
            if !is_own(&dir[..dir.len() - 3]) {
                return seen();
            }
            let number = std::str::from_utf8(name_bytes)
                .ok()
                .and_then(|n| n.parse().ok())
                .unwrap_or(-1);
            if fd::is_hidden(number) {
                return Err(Errno::ENOENT);
            }
            if last {
                return Ok(Magic::Host);
            }
            return host::openat(self.at.fd(), name, PATH_DIR, 0).map(Magic::Enter);
        }
        match name_bytes {
            // The guest's root, whoever's it is on the host.
            b"root" => Ok(Magic::Path(b"/".to_vec())),
            // felix itself is nobody's program, though it may be to be seen.
            b"exe" if self.is_felix(name) => Err(match last {
                true => Errno::EACCES,
                false => Errno::ENOTDIR,
            }),
            b"exe" | b"cwd" => seen(),
            _ if dir.ends_with(b"/map_files") => seen(),
            _ if dir.ends_with(b"/ns") && last => Ok(Magic::Host),
            _ => Ok(Magic::Text),
        }
    }
}
