//! Mounts and roots of the host (mount(2), open_tree(2), move_mount(2), pivot_root(2), chroot(2)), and whether felix
//! may change them (capabilities(7)).

use super::cast::reg;
use super::host::{address_of, address_of_mut, owned};
use super::{Errno, raw};
use std::ffi::CStr;
use std::os::fd::{OwnedFd, RawFd};

fn text(s: &CStr) -> u64 {
    address_of(s.to_bytes_with_nul())
}

/// Makes all mounts of the namespace receive what happens in the one they were copied from, and give nothing back (MS_SLAVE).
pub fn all_slaves() -> Result<(), Errno> {
    let flags = libc::MS_REC | libc::MS_SLAVE;
    raw::syscall(libc::SYS_mount, [0, text(c"/"), 0, flags, 0, 0]).map(drop)
}

/// A copy of the mounts at and below `dir`, not yet attached anywhere (open_tree(2)).
pub fn copy_of(dir: RawFd) -> Result<OwnedFd, Errno> {
    const CLONE: i32 = 1;
    const RECURSIVE: i32 = 0x8000;
    let flags = libc::AT_EMPTY_PATH | RECURSIVE | CLONE | libc::O_CLOEXEC;
    let args = [reg(dir), text(c""), reg(flags), 0, 0, 0];
    raw::syscall(libc::SYS_open_tree, args).map(owned)
}

/// Attaches what `copy_of` gave on `place` (move_mount(2)).
pub fn attach(tree: RawFd, place: RawFd) -> Result<(), Errno> {
    const FROM_EMPTY_PATH: u64 = 4;
    const TO_EMPTY_PATH: u64 = 0x40;
    let flags = FROM_EMPTY_PATH | TO_EMPTY_PATH;
    let args = [reg(tree), text(c""), reg(place), text(c""), flags, 0];
    raw::syscall(libc::SYS_move_mount, args).map(drop)
}

/// Makes what `copy_of` gave read-only (mount_setattr(2)).
pub fn make_read_only(tree: RawFd) -> Result<(), Errno> {
    const RDONLY: u64 = 1;
    const RECURSIVE: i32 = 0x8000;
    // struct mount_attr: attr_set, attr_clr, propagation, userns_fd.
    let attr = [RDONLY, 0, 0, 0];
    let flags = reg(libc::AT_EMPTY_PATH | RECURSIVE);
    let args = [reg(tree), text(c""), flags, address_of(&attr), 32, 0];
    raw::syscall(libc::SYS_mount_setattr, args).map(drop)
}

/// Makes the current directory, which is a mount, the root, and forgets the old one (pivot_root(2), "pivot_root(".", ".")").
pub fn root_is_here() -> Result<(), Errno> {
    let dot = text(c".");
    raw::syscall(libc::SYS_pivot_root, [dot, dot, 0, 0, 0, 0])?;
    let detach = reg(libc::MNT_DETACH);
    raw::syscall(libc::SYS_umount2, [dot, detach, 0, 0, 0, 0])?;
    let root = text(c"/");
    raw::syscall(libc::SYS_chdir, [root, 0, 0, 0, 0, 0]).map(drop)
}

/// chroot(2) to the current directory.
pub fn chroot_here() -> Result<(), Errno> {
    raw::syscall(libc::SYS_chroot, [text(c"."), 0, 0, 0, 0, 0]).map(drop)
}

/// mkdirat(2).
pub fn make_directory(dir: RawFd, name: &CStr) -> Result<(), Errno> {
    raw::syscall(libc::SYS_mkdirat, [reg(dir), text(name), 0o755, 0, 0, 0]).map(drop)
}

/// CAP_SYS_CHROOT.
pub const SYS_CHROOT: u32 = 18;

/// True if this thread has the capability in its user namespace (capget(2), the effective set).
#[must_use]
pub fn capable(capability: u32) -> bool {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    let mut sets = [[0u32; 3]; 2];
    let args = [address_of(&header), address_of_mut(&mut sets), 0, 0, 0, 0];
    raw::syscall(libc::SYS_capget, args).is_ok()
        && (u64::from(sets[0][0]) | u64::from(sets[1][0]) << 32) >> capability & 1 != 0
}
