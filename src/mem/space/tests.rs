//! The map and what the host makes of it.

use super::*;
use crate::sys::guest;
use crate::x86::GuestAddr;

fn anon(addr: u64, len: u64, prot: u32, flags: u32) -> Request {
    Request {
        addr,
        len,
        prot,
        flags: flags | flag::PRIVATE | flag::ANONYMOUS,
        fd: -1,
        offset: 0,
        backing: Backing::Anonymous,
    }
}

#[test]
fn map_protect_and_unmap_keep_the_map_exact() {
    let s = AddressSpace::default();
    let mut c = Changes::new();
    let a = s.map(&anon(0, 8 * PAGE, READ | WRITE, 0), &mut c).unwrap();
    assert!(c.is_empty());
    s.protect(a + PAGE, PAGE, READ | EXEC, &mut c).unwrap();
    assert_eq!(c, std::slice::from_ref(&(a + PAGE..a + 2 * PAGE)));
    assert_eq!(
        s.rights(a + PAGE),
        Some((a + PAGE..a + 2 * PAGE, READ | EXEC))
    );
    s.protect(a + PAGE, PAGE, READ | WRITE, &mut c).unwrap();
    assert_eq!(
        s.rights(a),
        Some((a..a + 8 * PAGE, READ | WRITE)),
        "equal neighbours join again"
    );
    s.unmap(a + 2 * PAGE, PAGE, &mut c).unwrap();
    assert!(!s.covers(a, 8 * PAGE) && s.covers(a, 2 * PAGE));
    assert_eq!(s.protect(a, 4 * PAGE, READ, &mut c), Err(Errno::ENOMEM));
    s.clear(&mut c);
    assert!(s.maps(b"").is_empty());
}

#[test]
fn shared_mappings_of_one_file_are_aliases() {
    let s = AddressSpace::default();
    let mut c = Changes::new();
    let file = host::memory_file("aliases", &[0; 2 * 4096]).unwrap();
    let shared = |prot, offset, len| Request {
        flags: flag::SHARED,
        fd: std::os::fd::AsRawFd::as_raw_fd(&file),
        offset,
        backing: Backing::File {
            path: Arc::from(&b"aliases"[..]),
            dev: (1, 2),
            ino: 3,
        },
        ..anon(0, len, prot, 0)
    };
    assert!(!s.is_shared());
    let code = s.map(&shared(READ | EXEC, 0, 2 * PAGE), &mut c).unwrap();
    assert!(s.is_shared(), "a file in memory may be written by others");
    c.clear();
    let data = s.map(&shared(READ | WRITE, PAGE, PAGE), &mut c).unwrap();
    let second = code + PAGE..code + 2 * PAGE;
    assert_eq!(c, std::slice::from_ref(&second), "it was not watched here");
    assert!(s.aliases(&(code..code + PAGE)).is_empty());
    assert_eq!(s.aliases(&(data..data + PAGE)), [second]);
    s.watch(code + PAGE);
    assert!(s.lock().watched.contains(&data));
    assert!(s.unwatch(data) && !s.lock().watched.contains(&data));
    s.clear(&mut c);
}

#[test]
fn map_fixed_cannot_replace_memory_of_felix() {
    let s = AddressSpace::default();
    let mut c = Changes::new();
    let own = vec![7u8; 1 << 20];
    let page = (host::address_of(own.as_slice()) + PAGE) & !(PAGE - 1);
    assert_eq!(
        s.map(&anon(page, PAGE, READ, flag::FIXED), &mut c),
        Err(Errno::ENOMEM)
    );
    s.unmap(page, PAGE, &mut c).unwrap();
    assert!(own.iter().all(|b| *b == 7));
}

#[test]
fn map_32bit_and_noreplace() {
    let s = AddressSpace::default();
    let mut c = Changes::new();
    let a = s.map(&anon(0, PAGE, READ, flag::X32BIT), &mut c).unwrap();
    assert!(a < 1 << 31);
    assert_eq!(
        s.map(&anon(a, PAGE, READ, flag::FIXED_NOREPLACE), &mut c),
        Err(Errno::EEXIST)
    );
    s.clear(&mut c);
}

#[test]
fn remap_grows_and_moves() {
    let s = AddressSpace::default();
    let mut c = Changes::new();
    let a = s.map(&anon(0, 4 * PAGE, READ | WRITE, 0), &mut c).unwrap();
    let b = s.remap(a, 4 * PAGE, 64 * PAGE, 1, 0, &mut c).unwrap();
    assert!(s.covers(b, 64 * PAGE));
    let d = s.remap(b, 64 * PAGE, PAGE, 0, 0, &mut c).unwrap();
    assert_eq!(d, b);
    assert!(!s.covers(b, 2 * PAGE));
    s.clear(&mut c);
}

#[test]
fn what_was_executable_is_looked_up_again_after_a_change() {
    let s = AddressSpace::default();
    let mut c = Changes::new();
    let a = s.map(&anon(0, 4 * PAGE, READ | EXEC, 0), &mut c).unwrap();
    let bytes = |at: u64| s.executable_bytes(a + at, 64);
    assert_eq!((bytes(0), bytes(4 * PAGE - 8)), (64, 8));
    s.protect(a + PAGE, PAGE, READ, &mut c).unwrap();
    assert_eq!((bytes(PAGE - 8), bytes(PAGE), bytes(2 * PAGE)), (8, 0, 64));
    s.protect(a + PAGE, PAGE, READ | EXEC, &mut c).unwrap();
    assert_eq!((bytes(PAGE - 8), bytes(2 * PAGE)), (64, 64));
    s.unmap(a + 2 * PAGE, PAGE, &mut c).unwrap();
    assert_eq!((bytes(2 * PAGE), bytes(3 * PAGE)), (0, 64));
    s.clear(&mut c);
    assert_eq!(bytes(3 * PAGE), 0);
}

#[test]
fn a_stop_is_gone_with_its_mapping() {
    let s = AddressSpace::default();
    let mut c = Changes::new();
    let a = s.map(&anon(0, 2 * PAGE, READ | EXEC, 0), &mut c).unwrap();
    s.set_stop(a + 16, 1);
    s.set_stop(a + PAGE, 2);
    let before = |at: u64| s.before_stop(a + at, 64);
    assert_eq!((before(0), before(16), before(17)), (16, 0, 64));
    s.protect(a, PAGE, READ, &mut c).unwrap();
    assert_eq!((s.stop(a + 16), s.stop(a + PAGE)), (Some(1), Some(2)));
    s.unmap(a, PAGE, &mut c).unwrap();
    assert_eq!((s.stop(a + 16), s.stop(a + PAGE)), (None, Some(2)));
    s.remove_stop(a + PAGE);
    assert_eq!(before(PAGE), 64);
    s.clear(&mut c);
}

#[test]
fn a_page_that_is_kept_writable_has_no_code_and_is_not_watched() {
    let s = AddressSpace::default();
    let mut c = Changes::new();
    let a = s
        .map(&anon(0, 2 * PAGE, READ | WRITE | EXEC, 0), &mut c)
        .unwrap();
    let writable = |at: u64| guest::write_u8(GuestAddr(at), 1).is_ok();
    crate::sys::fault::install().unwrap();
    s.watch(a + PAGE);
    assert!(!writable(a + PAGE));
    s.keep_writable(a + PAGE + 8);
    s.keep_writable(a + PAGE + 64);
    s.watch(a + PAGE);
    assert!(writable(a + PAGE));
    let before = |at: u64| s.before_stop(a + at, 64);
    assert_eq!((before(PAGE - 8), before(PAGE + 100)), (8, 0));
    s.release_writable(a + PAGE);
    assert_eq!(s.kept_writable(a + PAGE + 9), Some(a + PAGE..a + 2 * PAGE));
    s.release_writable(a + PAGE);
    assert_eq!(s.kept_writable(a + PAGE), None);
    s.watch(a + PAGE);
    assert!(!writable(a + PAGE));
    s.clear(&mut c);
}
