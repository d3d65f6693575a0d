//! PR_SET_MM (prctl(2); Linux, kernel/sys.c): a process says where its program lies, by which /proc/PID shows its arguments and
//! environment, and brk(2) goes. Programs use it to change their titles, and to be taken up again where they were stopped.

use super::{Ctx, Result};
use crate::kernel::fd;
use crate::kernel::process::{Exe, Layout};
use crate::mem::space::{LIMIT, LOWEST, Resource, space};
use crate::sys::cast::{int, size};
use crate::sys::{Errno, guest, host, image, limit, start};
use crate::x86::GuestAddr;
use std::ops::Range;

/// The numbers of `struct prctl_mm_map`, in order: start and end of code and data, of the heap, the stack's start, start and end
/// of the arguments and of the environment. The calls that set one have their places by `OPTIONS`.
type Map = [u64; 11];
const CODE: usize = 0;
const DATA: usize = 2;
const HEAP: usize = 4;
const STACK: usize = 6;
const ARGUMENTS: usize = 7;
const ENVIRONMENT: usize = 9;

/// Where in a `Map` the number is that PR_SET_MM_START_CODE (1) and those after it set.
const OPTIONS: [usize; 11] = [
    CODE,
    CODE + 1,
    DATA,
    DATA + 1,
    STACK,
    HEAP,
    HEAP + 1,
    ARGUMENTS,
    ARGUMENTS + 1,
    ENVIRONMENT,
    ENVIRONMENT + 1,
];

/// The size of `struct prctl_mm_map`: a `Map`, a pointer to an auxiliary vector, its size and a descriptor.
const MAP_SIZE: u32 = 104;

/// AT_VECTOR_SIZE, in bytes: the longest auxiliary vector.
const AUXV_SIZE: usize = 52 * 8;

pub(super) fn set(ctx: &mut Ctx<'_>, a: [u64; 6]) -> Result<u64> {
    let [_, option, at, len, last, _] = a;
    let option = int(option);
    let takes_len = [
        libc::PR_SET_MM_AUXV,
        libc::PR_SET_MM_MAP,
        libc::PR_SET_MM_MAP_SIZE,
    ];
    if last != 0 || (len != 0 && !takes_len.contains(&option)) {
        return Err(Errno::EINVAL);
    }
    match option {
        libc::PR_SET_MM_MAP_SIZE => ctx.put(at, &MAP_SIZE.to_le_bytes())?,
        libc::PR_SET_MM_MAP => set_all(ctx, at, len)?,
        _ if !limit::may_raise() => return Err(Errno::EPERM),
        libc::PR_SET_MM_EXE_FILE => set_exe(at)?,
        libc::PR_SET_MM_AUXV => {
            let new = auxv(at, len)?;
            ctx.process.change_exe(|exe| set_auxv(exe, &new));
        }
        _ => set_one(ctx, option, at)?,
    }
    Ok(0)
}

/// The numbers as they are.
fn current(layout: &Layout) -> Map {
    let (code, data) = (&layout.code, &layout.data);
    let (arguments, environment) = (&layout.arguments, &layout.environment);
    let heap = space().heap();
    [
        code.start,
        code.end,
        data.start,
        data.end,
        heap.start,
        heap.end,
        layout.stack,
        arguments.start,
        arguments.end,
        environment.start,
        environment.end,
    ]
}

/// EINVAL if Linux would not have them (validate_prctl_map_addr).
fn check(map: &Map) -> Result<()> {
    let in_order = |at: usize| map[at] <= map[at + 1];
    let ordered = map[CODE] < map[CODE + 1]
        && [DATA, HEAP, ARGUMENTS, ENVIRONMENT]
            .into_iter()
            .all(in_order);
    if !ordered || map.iter().any(|at| !(LOWEST..LIMIT).contains(at)) {
        return Err(Errno::EINVAL);
    }
    let limit = space().limit(Resource::Data);
    let limit = limit.map_or_else(|| host::soft_limit(libc::RLIMIT_DATA), |[soft, _]| soft);
    let used = (map[HEAP + 1] - map[HEAP]) + (map[DATA + 1] - map[DATA]);
    if used > limit {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

/// Makes them those of the program.
fn apply(exe: &mut Exe, map: &Map) {
    let range = |at: usize| Range {
        start: map[at],
        end: map[at + 1],
    };
    space().set_heap(range(HEAP));
    exe.layout = Layout {
        code: range(CODE),
        data: range(DATA),
        heap: map[HEAP],
        stack: map[STACK],
        arguments: range(ARGUMENTS),
        environment: range(ENVIRONMENT),
    };
    start::show_strings(&exe.layout.arguments, &exe.layout.environment);
}

fn set_one(ctx: &Ctx<'_>, option: i32, at: u64) -> Result<()> {
    if !(LOWEST..LIMIT).contains(&at) {
        return Err(Errno::EINVAL);
    }
    let place = usize::try_from(option - libc::PR_SET_MM_START_CODE).ok();
    let &place = (place.and_then(|n| OPTIONS.get(n))).ok_or(Errno::EINVAL)?;
    ctx.process.change_exe(|exe| {
        let mut map = current(&exe.layout);
        map[place] = at;
        check(&map)?;
        if place >= STACK && !space().any_above(at) {
            return Err(Errno::EFAULT);
        }
        apply(exe, &map);
        Ok(())
    })
}

/// PR_SET_MM_MAP: all at once, which needs no capability.
fn set_all(ctx: &Ctx<'_>, at: u64, len: u64) -> Result<()> {
    if len != u64::from(MAP_SIZE) {
        return Err(Errno::EINVAL);
    }
    let bytes: [u8; MAP_SIZE as usize] = ctx.get(at)?;
    let words: [u64; 13] = std::array::from_fn(|i| {
        let (words, _) = bytes.as_chunks::<8>();
        u64::from_le_bytes(words[i])
    });
    let (map, [vector, last]) = (&words[..11], [words[11], words[12]]);
    let map: Map = std::array::from_fn(|i| map[i]);
    check(&map)?;
    let (auxv_size, exe_fd) = (last & 0xffff_ffff, last >> 32);
    let mut new = None;
    if auxv_size != 0 {
        if vector == 0 {
            return Err(Errno::EINVAL);
        }
        let mut whole = auxv(vector, auxv_size)?;
        whole.resize(AUXV_SIZE, 0);
        new = Some(whole);
    }
    if exe_fd != 0xffff_ffff {
        const CHECKPOINT_RESTORE: u32 = 40;
        const SYS_ADMIN: u32 = 21;
        if ![CHECKPOINT_RESTORE, SYS_ADMIN]
            .into_iter()
            .any(host::has_capability)
        {
            return Err(Errno::EPERM);
        }
        set_exe(exe_fd)?;
    }
    ctx.process.change_exe(|exe| {
        apply(exe, &map);
        if let Some(new) = &new {
            set_auxv(exe, new);
        }
    });
    Ok(())
}

/// A new auxiliary vector, or the beginning of one; the last entry is AT_NULL whatever it says.
fn auxv(at: u64, len: u64) -> Result<Vec<u8>> {
    if len > AUXV_SIZE as u64 {
        return Err(Errno::EINVAL);
    }
    let mut new = vec![0; size(len)];
    guest::read_bytes(GuestAddr(at), &mut new)?;
    if let Some(end) = new.get_mut(AUXV_SIZE - 16..) {
        end.fill(0);
    }
    Ok(new)
}

/// Puts it over the beginning of the one there was; what is shown ends with the first AT_NULL.
fn set_auxv(exe: &mut Exe, new: &[u8]) {
    exe.auxv.resize(AUXV_SIZE, 0);
    exe.auxv[..new.len()].copy_from_slice(new);
    let entries = exe.auxv.chunks_exact(16);
    let end = entries.take_while(|e| e[..8] != [0; 8]).count();
    exe.auxv.truncate(16 * (end + 1));
    image::show_auxv(&exe.auxv);
}

/// PR_SET_MM_EXE_FILE: a program that is still mapped, as felix takes it to be, cannot be replaced.
fn set_exe(file: u64) -> Result<()> {
    let file = int(file);
    if fd::is_hidden(file) {
        return Err(Errno::EBADF);
    }
    match host::fstat(file)?.st_mode & libc::S_IFMT {
        libc::S_IFREG => Err(Errno::EBUSY),
        _ => Err(Errno::EACCES),
    }
}
