//! The initial process stack (System V ABI AMD64 supplement, 3.4.1; getauxval(3)).

use std::ops::Range;

/// Auxiliary vector types (getauxval(3)); the x86-64 numbers are the generic ones.
pub mod at {
    #![allow(missing_docs)] // getauxval(3)'s names.
    pub const NULL: u64 = 0;
    pub const PHDR: u64 = 3;
    pub const PHENT: u64 = 4;
    pub const PHNUM: u64 = 5;
    pub const PAGESZ: u64 = 6;
    pub const BASE: u64 = 7;
    pub const FLAGS: u64 = 8;
    pub const ENTRY: u64 = 9;
    pub const UID: u64 = 11;
    pub const EUID: u64 = 12;
    pub const GID: u64 = 13;
    pub const EGID: u64 = 14;
    pub const PLATFORM: u64 = 15;
    pub const HWCAP: u64 = 16;
    pub const CLKTCK: u64 = 17;
    pub const SECURE: u64 = 23;
    pub const RANDOM: u64 = 25;
    pub const HWCAP2: u64 = 26;
    pub const RSEQ_FEATURE_SIZE: u64 = 27;
    pub const RSEQ_ALIGN: u64 = 28;
    pub const EXECFN: u64 = 31;
    pub const SYSINFO_EHDR: u64 = 33;
    pub const MINSIGSTKSZ: u64 = 51;
}

/// What goes on the stack.
#[derive(Clone, Debug, Default)]
pub struct Contents<'a> {
    /// Arguments.
    pub argv: &'a [Vec<u8>],
    /// Environment.
    pub envp: &'a [Vec<u8>],
    /// AT_EXECFN.
    pub execfn: &'a [u8],
    /// AT_PLATFORM.
    pub platform: &'a [u8],
    /// AT_RANDOM.
    pub random: [u8; 16],
    /// The other entries, without AT_NULL.
    pub auxv: &'a [(u64, u64)],
}

/// A built stack.
#[derive(Clone, Debug)]
pub struct Image {
    /// The stack pointer at entry, 16-byte aligned.
    pub sp: u64,
    /// What lies from `sp` up to the top.
    pub bytes: Vec<u8>,
    /// The auxiliary vector with its terminator, as /proc/PID/auxv shows it.
    pub auxv: Vec<u8>,
    /// Where the strings of the arguments lie.
    pub arguments: Range<u64>,
    /// Where those of the environment lie.
    pub environment: Range<u64>,
}

/// Builds the stack below `top`, which is page-aligned.
#[must_use]
pub fn build(top: u64, c: &Contents<'_>) -> Image {
    // Strings from the top down, as Linux lays them: execfn, environment, arguments; below them platform and random.
    let mut strings: Vec<u8> = Vec::new();
    let mut offsets = Vec::new();
    for s in [c.platform]
        .into_iter()
        .chain(c.argv.iter().map(Vec::as_slice))
        .chain(c.envp.iter().map(Vec::as_slice))
        .chain([c.execfn])
    {
        offsets.push(strings.len() as u64);
        strings.extend_from_slice(s);
        strings.push(0);
    }
    strings.extend_from_slice(&[0; 8]);
    let strings_at = top - strings.len() as u64;
    let random_at = (strings_at - 16) & !15;
    let address = |i: usize| strings_at + offsets[i];
    let execfn = address(offsets.len() - 1);

    let mut auxv = Vec::new();
    let own = [
        (at::RANDOM, random_at),
        (at::EXECFN, execfn),
        (at::PLATFORM, address(0)),
        (at::NULL, 0),
    ];
    for (k, v) in c.auxv.iter().chain(&own) {
        auxv.extend_from_slice(&k.to_le_bytes());
        auxv.extend_from_slice(&v.to_le_bytes());
    }
    let words = 1 + c.argv.len() + 1 + c.envp.len() + 1;
    let sp = (random_at - (words * 8 + auxv.len()) as u64) & !15;

    let mut bytes = Vec::new();
    let mut word = |v: u64| bytes.extend_from_slice(&v.to_le_bytes());
    word(c.argv.len() as u64);
    (0..c.argv.len()).for_each(|i| word(address(1 + i)));
    word(0);
    (0..c.envp.len()).for_each(|i| word(address(1 + c.argv.len() + i)));
    word(0);
    bytes.extend_from_slice(&auxv);
    let gap = |at: u64| usize::try_from(at - sp).unwrap_or(0);
    bytes.resize(gap(random_at), 0);
    bytes.extend_from_slice(&c.random);
    bytes.resize(gap(strings_at), 0);
    bytes.extend_from_slice(&strings);
    let environment = address(1 + c.argv.len());
    Image {
        sp,
        bytes,
        auxv,
        arguments: address(1)..environment,
        environment: environment..execfn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_where_the_abi_says() {
        let top = 0x7fff_0000_0000;
        let argv = [b"prog".to_vec(), b"-x".to_vec()];
        let envp = [b"A=1".to_vec()];
        let c = Contents {
            argv: &argv,
            envp: &envp,
            execfn: b"/bin/prog",
            platform: b"x86_64",
            random: [9; 16],
            auxv: &[(6, 4096)],
        };
        let i = build(top, &c);
        assert_eq!(i.sp % 16, 0);
        assert_eq!(i.sp + i.bytes.len() as u64, top);
        let word = |n: usize| u64::from_le_bytes(i.bytes[n * 8..n * 8 + 8].try_into().unwrap());
        let text = |a: u64| {
            let s = &i.bytes[usize::try_from(a - i.sp).unwrap()..];
            s[..s.iter().position(|b| *b == 0).unwrap()].to_vec()
        };
        assert_eq!(word(0), 2);
        assert_eq!(text(word(1)), b"prog");
        assert_eq!(text(word(2)), b"-x");
        assert_eq!((word(3), word(5)), (0, 0));
        assert_eq!(text(word(4)), b"A=1");
        assert_eq!((word(6), word(7)), (at::PAGESZ, 4096));
        assert_eq!(word(8), at::RANDOM);
        assert_eq!(
            i.bytes[usize::try_from(word(9) - i.sp).unwrap()..][..16],
            [9; 16]
        );
        assert_eq!(text(word(11)), b"/bin/prog");
        assert_eq!(text(word(13)), b"x86_64");
    }
}
