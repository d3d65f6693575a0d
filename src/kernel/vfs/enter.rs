//! The root made real: in a mount namespace of the process's own, binds become mounts and the root its root.
//!
//! Done as soon as the guest gets such a namespace (unshare(2), clone(2)), which takes the privilege that mounting
//! does. From then on the guest's mounts are the kernel's, and what the guest does to them is what it asked for.
//! setns(2) leads back to where the guest began, and to namespaces that are made so, or in such ones (see `mark`).
//! Invariant: the root of the namespace is the process's root, so nothing of the host is above it; what is in no
//! mount of the namespace (descriptors from before, /proc/PID/root of others) is kept out by `walk`.

use super::mark::Mark;
use super::{Fs, Home, Id, PATH_DIR, Root, View, c, components};
use crate::kernel::fd;
use crate::sys::{Errno, host, mount, namespace, proc};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

/// The directory by its host path, seen from the namespace of now, if it is still the one it was.
fn again(path: &[u8], was: Id) -> Result<OwnedFd, Errno> {
    let dir = host::openat(libc::AT_FDCWD, &c(path)?, PATH_DIR, 0)?;
    match super::id(dir.as_raw_fd())? == was {
        true => Ok(dir),
        false => Err(Errno::ESTALE),
    }
}

/// The directory of a guest path in the tree of mounts, made if it is missing: for a bind in user space it need not exist.
fn place_in(tree: &OwnedFd, guest: &[u8]) -> Result<OwnedFd, Errno> {
    let mut at = tree.try_clone().map_err(|e| Errno::of(&e))?;
    for name in components(guest) {
        let name = c(&name)?;
        let _ = mount::make_directory(at.as_raw_fd(), &name);
        at = host::openat(at.as_raw_fd(), &name, PATH_DIR | libc::O_NOFOLLOW, 0)?;
    }
    Ok(at)
}

impl Root {
    /// Attaches the root's mounts on the root and the binds' where they are shown; gives the new root.
    fn mount(&self) -> Result<OwnedFd, Errno> {
        let place = again(&self.host, self.id)?;
        let tree = mount::copy_of(place.as_raw_fd())?;
        let binds: Vec<OwnedFd> = (self.binds.iter())
            .map(|b| {
                let copy = mount::copy_of(again(&b.host, b.id)?.as_raw_fd())?;
                if b.read_only {
                    mount::make_read_only(copy.as_raw_fd())?;
                }
                Ok(copy)
            })
            .collect::<Result<_, Errno>>()?;
        mount::attach(tree.as_raw_fd(), place.as_raw_fd())?;
        for (bind, copy) in self.binds.iter().zip(&binds) {
            match place_in(&tree, &bind.guest) {
                Ok(at) => mount::attach(copy.as_raw_fd(), at.as_raw_fd())?,
                // It is not there, and cannot be made.
                Err(_) if bind.optional => {}
                Err(e) => return Err(e),
            }
        }
        Ok(tree)
    }
}

/// A directory that the guest has open, and how it finds it.
struct Open {
    number: RawFd,
    id: Id,
    guest: Vec<u8>,
}

impl Fs {
    /// The guest's own directories by their guest paths: as descriptors they lead through the mounts of before.
    fn open_directories(&self) -> Vec<Open> {
        let numbers = proc::descriptors().unwrap_or_default();
        (numbers.into_iter())
            .filter(|n| !fd::is_hidden(*n))
            .filter_map(|number| {
                let st = host::fstat(number).ok()?;
                let host = host::fd_path(number).ok()?;
                (st.st_mode & libc::S_IFMT == libc::S_IFDIR).then_some(())?;
                Some(Open {
                    number,
                    id: (st.st_dev, st.st_ino),
                    guest: self.guest_path(&host)?,
                })
            })
            .collect()
    }

    /// Makes the root real, after the calling thread got a mount namespace of its own, and shares its root with no other
    /// thread. Without a rootfs there is nothing to do. After an error the process must not go on: its root is neither.
    pub fn enter_namespace(&self) -> Result<(), Errno> {
        let (root, base) = match self.view() {
            View::Rooted(root, base) => (root, base),
            View::Entered(_) => {
                self.set(View::Entered(self.mark_here()));
                return Ok(());
            }
            View::Host => return Ok(()),
        };
        fd::keep_proc()?;
        let open = self.open_directories();
        let here = self.getcwd().unwrap_or_else(|_| b"/".to_vec());
        mount::all_slaves()?;
        let tree = root.mount()?;
        host::fchdir(tree.as_raw_fd())?;
        mount::root_is_here()?;
        if let Some(base) = base {
            let dir = again(&base.guest, base.id)?;
            host::fchdir(dir.as_raw_fd())?;
            mount::chroot_here()?;
        }
        proc::root_changes();
        self.set(View::Entered(self.mark_here()));
        // As chdir(2) leaves it where there is no such place any more.
        let _ = c(&here)
            .and_then(|p| host::openat(libc::AT_FDCWD, &p, PATH_DIR, 0))
            .and_then(|d| host::fchdir(d.as_raw_fd()));
        for dir in open {
            let _ = reopen(&dir);
        }
        Ok(())
    }
}

/// Where setns(2) leads.
enum Way {
    /// To the mount namespace where the guest began.
    Home,
    /// To one of the guest's own.
    Entered(Option<Mark>),
}

impl Fs {
    /// setns(2) to a mount namespace, alone or with others: the one where the guest began, where its root is one in user space
    /// again, or one of the guest's own: its root is the guest's, or who is in it shows a mark. The rest are the host's: EPERM.
    /// After `Join::Lost` the process must not go on.
    pub fn join_namespace(&self, namespace: RawFd, kinds: u64) -> Result<u64, Join> {
        let home = self.home().ok_or(Join::Refused(Errno::EPERM))?;
        fd::keep_proc().map_err(Join::Refused)?;
        let ahead = namespace::ahead(namespace, kinds).map_err(Join::Refused)?;
        let way = match ahead {
            there if there.id == home.namespace => Way::Home,
            there => match (Mark::new(home, there.id), there.root == home.root) {
                (mark, true) => Way::Entered(mark.ok()),
                (Ok(mark), false) if mark.is_shown() => Way::Entered(Some(mark)),
                _ => return Err(Join::Refused(Errno::EPERM)),
            },
        };
        let done = namespace::join(namespace, kinds).map_err(Join::Refused)?;
        proc::root_changes();
        // The process behind a pidfd may have gone elsewhere since.
        let here = proc::stat("thread-self/ns/mnt").map_err(Join::Lost)?;
        if (here.st_dev, here.st_ino) != ahead.id {
            return Err(Join::Lost(Errno::ESTALE));
        }
        match way {
            Way::Home => self.come_home(home).map_err(Join::Lost)?,
            Way::Entered(mark) => self.set(View::Entered(mark)),
        }
        Ok(done)
    }

    /// The root becomes one in user space again, and the current directory.
    fn come_home(&self, home: &Home) -> Result<(), Errno> {
        let root = match self.view() {
            View::Rooted(root, _) => root,
            _ => Arc::new(Root::new(&home.dir, &home.shown).map_err(|(_, e)| e)?),
        };
        if root.id != home.root {
            return Err(Errno::ESTALE);
        }
        host::fchdir(root.fd.as_raw_fd())?;
        self.set(View::Rooted(root, None));
        Ok(())
    }
}

/// Why a mount namespace was not joined.
#[derive(Clone, Copy, Debug)]
pub enum Join {
    /// Nothing has happened.
    Refused(Errno),
    /// It was, and the guest's root is not there.
    Lost(Errno),
}

/// Has the number stand for the same directory in the mounts of now.
fn reopen(dir: &Open) -> Result<(), Errno> {
    let status = crate::sys::cast::int(host::fcntl(dir.number, libc::F_GETFL, 0)?);
    let cloexec = host::fcntl(dir.number, libc::F_GETFD, 0)? & 1 != 0;
    let new = host::openat(libc::AT_FDCWD, &c(&dir.guest)?, status & !libc::O_CREAT, 0)?;
    if super::id(new.as_raw_fd())? == dir.id {
        host::replace(new, dir.number, cloexec)?;
    }
    Ok(())
}
