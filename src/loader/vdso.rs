//! The vDSO (vdso(7)): a shared object the kernel gives every process.
//!
//! Built here, not embedded: one page with ELF header, dynamic section, symbols and functions that do nothing but
//! the system call. C libraries and Go's runtime find the functions by name and version; without version definitions Go's
//! runtime reads through a null pointer.

const EHDR: usize = 64;
const PHDR: usize = 56;
const VERDEF: usize = 20 + 8;

const SONAME: &str = "linux-vdso.so.1";
/// The version of every function.
const VERSION: &str = "LINUX_2.6";

/// The functions and the system call each makes (x86-64 numbers).
const FUNCTIONS: [(&str, u32); 5] = [
    ("clock_gettime", 228),
    ("gettimeofday", 96),
    ("time", 201),
    ("getcpu", 309),
    ("clock_getres", 229),
];

/// The System V ABI's symbol hash.
fn hash(name: &[u8]) -> u32 {
    let mut h = 0u32;
    for b in name {
        h = (h << 4).wrapping_add(u32::from(*b));
        let g = h & 0xf000_0000;
        h = (h ^ g >> 24) & !g;
    }
    h
}

/// The image: one page, to be mapped readable and executable anywhere.
#[must_use]
pub fn image() -> Vec<u8> {
    // Every function under both names, as Linux exports them.
    let symbols: Vec<(String, usize)> = FUNCTIONS
        .iter()
        .enumerate()
        .flat_map(|(i, (n, _))| [(format!("__vdso_{n}"), i), ((*n).to_string(), i)])
        .collect();
    let mut dynstr = vec![0u8];
    let name_at: Vec<usize> = symbols
        .iter()
        .map(|(n, _)| {
            let at = dynstr.len();
            dynstr.extend_from_slice(n.as_bytes());
            dynstr.push(0);
            at
        })
        .collect();
    let soname = dynstr.len();
    dynstr.extend_from_slice(SONAME.as_bytes());
    dynstr.push(0);
    let version = dynstr.len();
    dynstr.extend_from_slice(VERSION.as_bytes());
    dynstr.push(0);

    let dynsym_at = EHDR + 2 * PHDR;
    let dynsym_len = 24 * (symbols.len() + 1);
    let hash_at = dynsym_at + dynsym_len;
    let nbucket = 8usize;
    let hash_len = 4 * (2 + nbucket + symbols.len() + 1);
    let dynstr_at = hash_at + hash_len;
    let versym_at = (dynstr_at + dynstr.len()).next_multiple_of(8);
    let verdef_at = (versym_at + 2 * (symbols.len() + 1)).next_multiple_of(8);
    let dynamic_at = (verdef_at + 2 * VERDEF).next_multiple_of(16);
    let dynamic: [(u64, usize); 10] = [
        (14, soname),
        (4, hash_at),
        (5, dynstr_at),
        (6, dynsym_at),
        (10, dynstr.len()),
        (11, 24),
        (0x6fff_fff0, versym_at),
        (0x6fff_fffc, verdef_at),
        (0x6fff_fffd, 2), // DT_VERDEFNUM
        (0, 0),
    ];
    let text_at = (dynamic_at + dynamic.len() * 16).next_multiple_of(16);

    let mut out = vec![0u8; 4096];
    let mut put = |at: usize, b: &[u8]| out[at..at + b.len()].copy_from_slice(b);
    let half = |v: usize| u16::try_from(v).unwrap_or(0).to_le_bytes();
    let word = |v: usize| u32::try_from(v).unwrap_or(0).to_le_bytes();
    let quad = |v: usize| (v as u64).to_le_bytes();

    put(0, b"\x7fELF\x02\x01\x01");
    put(16, &half(3)); // ET_DYN
    put(18, &half(62)); // EM_X86_64
    put(20, &word(1));
    put(32, &quad(EHDR)); // e_phoff
    put(52, &half(EHDR));
    put(54, &half(PHDR));
    put(56, &half(2));
    put(58, &half(64)); // e_shentsize
    let dynamic_len = dynamic.len() * 16;
    for (i, (ty, flags, at, len, align)) in
        [(1, 5, 0, 4096, 4096), (2, 4, dynamic_at, dynamic_len, 8)]
            .into_iter()
            .enumerate()
    {
        let p = EHDR + i * PHDR;
        put(p, &word(ty));
        put(p + 4, &word(flags));
        for (k, v) in [at, at, at, len, len, align].into_iter().enumerate() {
            put(p + 8 + 8 * k, &quad(v));
        }
    }
    for (i, (_, function)) in symbols.iter().enumerate() {
        let s = dynsym_at + 24 * (i + 1);
        put(s, &word(name_at[i]));
        put(s + 4, &[if i % 2 == 0 { 0x12 } else { 0x22 }, 0]); // global or weak, function
        put(s + 6, &half(1)); // any section but SHN_UNDEF
        put(s + 8, &quad(text_at + 16 * function));
        put(s + 16, &quad(16));
    }
    let mut buckets = vec![0usize; nbucket];
    let mut chains = vec![0usize; symbols.len() + 1];
    for (i, (name, _)) in symbols.iter().enumerate() {
        let b = &mut buckets[hash(name.as_bytes()) as usize % nbucket];
        chains[i + 1] = std::mem::replace(b, i + 1);
    }
    for (k, v) in [nbucket, chains.len()]
        .into_iter()
        .chain(buckets)
        .chain(chains)
        .enumerate()
    {
        put(hash_at + 4 * k, &word(v));
    }
    put(dynstr_at, &dynstr);
    for i in 1..=symbols.len() {
        put(versym_at + 2 * i, &half(2));
    }
    // The object itself (VER_FLG_BASE), then what its functions have. Each with its one name behind it.
    for (i, (name, name_at)) in [(SONAME, soname), (VERSION, version)]
        .into_iter()
        .enumerate()
    {
        let d = verdef_at + VERDEF * i;
        for (k, v) in [1, 1 - i, i + 1, 1].into_iter().enumerate() {
            put(d + 2 * k, &half(v));
        }
        let next = VERDEF * (1 - i);
        for (k, v) in [hash(name.as_bytes()) as usize, 20, next, name_at, 0]
            .into_iter()
            .enumerate()
        {
            put(d + 8 + 4 * k, &word(v));
        }
    }
    for (i, (tag, v)) in dynamic.into_iter().enumerate() {
        put(dynamic_at + 16 * i, &tag.to_le_bytes());
        put(dynamic_at + 16 * i + 8, &quad(v));
    }
    for (i, (_, nr)) in FUNCTIONS.iter().enumerate() {
        let at = text_at + 16 * i;
        put(at, &[0xb8]); // mov eax, nr
        put(at + 1, &nr.to_le_bytes());
        put(at + 5, &[0x0f, 0x05, 0xc3]); // syscall; ret
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goblin_finds_every_function() {
        let image = image();
        let elf = goblin::elf::Elf::parse(&image).unwrap();
        assert_eq!(elf.soname, Some("linux-vdso.so.1"));
        for (name, nr) in FUNCTIONS {
            let full = format!("__vdso_{name}");
            let sym = elf
                .dynsyms
                .iter()
                .find(|s| elf.dynstrtab.get_at(s.st_name) == Some(&full))
                .unwrap();
            let at = usize::try_from(sym.st_value).unwrap();
            assert_eq!(image[at], 0xb8);
            assert_eq!(image[at + 1..at + 5], nr.to_le_bytes());
        }
        // goblin reads versions by sections, which there are none of: tests/guest/process/vdso_versions.c reads them.
        let dynamic = &elf.dynamic.as_ref().unwrap().dyns;
        let value = |tag: u64| dynamic.iter().find(|d| d.d_tag == tag).unwrap().d_val;
        let verdef = usize::try_from(value(goblin::elf::dynamic::DT_VERDEF)).unwrap();
        let word = |at: usize| u32::from_le_bytes(image[at..at + 4].try_into().unwrap());
        let mut names = Vec::new();
        for n in 0..2 {
            let at = verdef + VERDEF * n;
            let name = usize::try_from(word(at + 20)).unwrap();
            names.push(elf.dynstrtab.get_at(name).unwrap());
        }
        assert_eq!(names, [SONAME, VERSION]);
        assert_eq!(value(goblin::elf::dynamic::DT_VERDEFNUM), 2);
        let parsed = crate::loader::elf::parse(image.as_slice()).unwrap();
        assert!(parsed.pie);
    }
}
