//! System V IPC (sysvipc(7)).

use super::{Ctx, Result};
use crate::mem::space::{Backing, EXEC, READ, Region, WRITE, space};
use crate::sys::cast::{int, low32};
use crate::sys::host::{address_of, address_of_mut};
use crate::sys::raw;
use std::sync::Arc;

const SHM_RDONLY: u64 = 0o10000;
const SHM_REMAP: u64 = 0o40000;
const SHM_EXEC: u64 = 0o100000;
const IPC_STAT: u64 = 2;

/// shmat(2). The host never maps it executable.
pub(super) fn shmat(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let mut ds = [0u64; 14];
    raw::syscall(
        libc::SYS_shmctl,
        [a[0], IPC_STAT, address_of_mut(&mut ds), 0, 0, 0],
    )?;
    // struct shmid_ds: ipc_perm of 48 bytes, then the segment's size.
    let len = ds[6];
    if a[1] != 0 && a[2] & SHM_REMAP != 0 {
        let start = a[1] & !4095;
        space().reserve(start, len)?;
        if space().any_executable(start, len) {
            ctx.changes.push(start..start + len);
        }
    }
    let at = raw::syscall(libc::SYS_shmat, [a[0], a[1], a[2] & !SHM_EXEC, 0, 0, 0])?;
    let write = if a[2] & SHM_RDONLY == 0 { WRITE } else { 0 };
    let exec = if a[2] & SHM_EXEC != 0 { EXEC } else { 0 };
    let prot = READ | write | exec;
    space().note(
        at,
        len,
        Region {
            end: 0,
            prot: super::mm::implied(ctx, prot).unwrap_or(prot),
            shared: true,
            backing: backing(ds[0], int(a[0])),
            offset: 0,
        },
    );
    Ok(at)
}

/// What /proc/PID/maps shows for a segment: a file of that key in the kernel's own file system, whose inode is its id.
fn backing(key: u64, id: i32) -> Backing {
    let path = format!("/SYSV{:08x}", low32(key)).into_bytes();
    Backing::File {
        path: Arc::from(path),
        dev: (0, 1),
        ino: u64::from(id.cast_unsigned()),
    }
}

pub(super) fn shmdt(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    // Only segments are detached so, and felix itself has none.
    space().detach_segment(a[0], &mut ctx.changes, || raw::syscall(libc::SYS_shmdt, a))
}

/// semctl(2): semid_ds has two more words on x86-64 (asm/sembuf.h): after each of the two times.
pub(super) fn semctl(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    const PERM: usize = 48;
    let mut host = [0u8; 104];
    let times_apart = !crate::sys::host::SEMID_DS_PADDED;
    // IPC_SET 1, IPC_STAT 2, SEM_STAT 18, SEM_STAT_ANY 20.
    match int(a[2]) & !0x100 {
        1 if times_apart => {
            let guest: [u8; PERM] = ctx.get(a[3])?;
            host[..PERM].copy_from_slice(&guest);
            raw::syscall(
                libc::SYS_semctl,
                [a[0], a[1], a[2], address_of(&host), 0, 0],
            )
        }
        2 | 18 | 20 if times_apart => {
            let r = raw::syscall(
                libc::SYS_semctl,
                [a[0], a[1], a[2], address_of_mut(&mut host), 0, 0],
            )?;
            let mut guest = [0u8; 104];
            guest[..PERM + 8].copy_from_slice(&host[..PERM + 8]);
            guest[PERM + 16..PERM + 24].copy_from_slice(&host[PERM + 8..PERM + 16]);
            guest[PERM + 32..PERM + 40].copy_from_slice(&host[PERM + 16..PERM + 24]);
            ctx.put(a[3], &guest)?;
            Ok(r)
        }
        _ => raw::syscall(libc::SYS_semctl, a),
    }
}
