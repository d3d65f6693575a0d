//! ELF executables (elf(5), System V ABI AMD64 supplement): from a file's bytes to what has to be mapped.

use goblin::elf::header::{EM_X86_64, ET_DYN, ET_EXEC};
use goblin::elf::program_header::{PT_GNU_STACK, PT_INTERP, PT_LOAD, PT_PHDR, ProgramHeader};
use std::fmt;

const PAGE: u64 = 4096;
/// The highest address a segment may reach.
const LIMIT: u64 = (1 << 47) - PAGE;

/// Where a program's bytes come from.
pub trait ReadAt {
    /// Reads into `buf` from `offset`; the number of bytes is smaller only at the file's end.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize>;
    /// The file's length.
    fn len(&self) -> u64;
    /// True if there is nothing in it.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize> {
        let from = usize::try_from(offset).map_or(self.len(), |o| o.min(self.len()));
        let n = buf.len().min(self.len() - from);
        buf[..n].copy_from_slice(&self[from..from + n]);
        Ok(n)
    }

    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }
}

/// Why a file is not an executable felix can run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BadElf {
    /// No ELF magic.
    NotElf,
    /// ELF, but for another machine, class or system.
    Foreign(String),
    /// The file ends before what its headers promise.
    Truncated,
    /// The headers contradict themselves.
    Malformed(&'static str),
    /// It could not be read.
    Io(i32),
}

impl fmt::Display for BadElf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadElf::NotElf => f.write_str("neither an ELF executable nor a script that starts with #!; run it with the program it is meant for"),
            BadElf::Foreign(what) => write!(f, "{what}; felix runs x86-64 Linux programs"),
            BadElf::Truncated => f.write_str("the ELF file is truncated; get a complete copy"),
            BadElf::Malformed(what) => write!(f, "malformed ELF file ({what}); get an intact copy"),
            BadElf::Io(e) => write!(f, "cannot be read: {}", std::io::Error::from_raw_os_error(*e)),
        }
    }
}

/// One PT_LOAD segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Address in the file's terms.
    pub vaddr: u64,
    /// Bytes in memory.
    pub memsz: u64,
    /// Bytes in the file.
    pub filesz: u64,
    /// Where in the file.
    pub offset: u64,
    /// Protection: bit 0 read, 1 write, 2 execute, as in mmap(2).
    pub prot: u32,
}

/// A parsed executable. `vaddr + memsz` of every segment is below 2^47 and segments are sorted and congruent to their
/// offsets modulo the page size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Elf {
    /// True for ET_DYN: the addresses are relative to a base of the loader's choice.
    pub pie: bool,
    /// The entry point.
    pub entry: u64,
    /// The PT_LOAD segments, in ascending order.
    pub segments: Vec<Segment>,
    /// PT_INTERP.
    pub interp: Option<Vec<u8>>,
    /// Address of the program headers in memory, for AT_PHDR.
    pub phdr: u64,
    /// Their number.
    pub phnum: u64,
    /// The largest alignment a segment asks for (a power of two, at least a page).
    pub align: u64,
    /// True if PT_GNU_STACK asks for an executable stack (a missing one does not, since Linux 5.8).
    pub exec_stack: bool,
}

impl Elf {
    /// The pages from the first segment to the last.
    #[must_use]
    pub fn span(&self) -> std::ops::Range<u64> {
        let start = self
            .segments
            .iter()
            .map(|s| s.vaddr & !(PAGE - 1))
            .min()
            .unwrap_or(0);
        let end = self
            .segments
            .iter()
            .map(|s| (s.vaddr + s.memsz).next_multiple_of(PAGE))
            .max()
            .unwrap_or(0);
        start..end
    }
}

fn machine_name(machine: u16) -> String {
    use goblin::elf::header as h;
    let known = match machine {
        h::EM_386 => "i386",
        h::EM_AARCH64 => "AArch64",
        h::EM_ARM => "ARM",
        h::EM_RISCV => "RISC-V",
        h::EM_PPC64 => "PowerPC",
        h::EM_S390 => "s390",
        h::EM_MIPS => "MIPS",
        _ => return format!("an ELF file for machine number {machine}"),
    };
    format!("an ELF file for {known}")
}

fn read_exactly(file: &(impl ReadAt + ?Sized), offset: u64, len: usize) -> Result<Vec<u8>, BadElf> {
    let mut buf = vec![0; len];
    match file.read_at(offset, &mut buf) {
        Ok(n) if n == len => Ok(buf),
        Ok(_) => Err(BadElf::Truncated),
        Err(e) => Err(BadElf::Io(e.raw_os_error().unwrap_or(5))),
    }
}

/// Parses and checks the headers.
pub fn parse(file: &(impl ReadAt + ?Sized)) -> Result<Elf, BadElf> {
    let mut ident = [0u8; 20];
    let n = file
        .read_at(0, &mut ident)
        .map_err(|e| BadElf::Io(e.raw_os_error().unwrap_or(5)))?;
    if n < 4 || ident[..4] != *b"\x7fELF" {
        return Err(BadElf::NotElf);
    }
    if n < 20 {
        return Err(BadElf::Truncated);
    }
    let machine = u16::from_le_bytes([ident[18], ident[19]]);
    if ident[5] != 1 {
        return Err(BadElf::Foreign("a big-endian ELF file".into()));
    }
    if machine != EM_X86_64 {
        return Err(BadElf::Foreign(machine_name(machine)));
    }
    if ident[4] != 2 {
        return Err(BadElf::Foreign("a 32-bit (x32) ELF file".into()));
    }
    if ident[7] == 9 {
        return Err(BadElf::Foreign("a FreeBSD ELF file".into()));
    }
    let bytes = read_exactly(file, 0, 64)?;
    let header = goblin::elf::Elf::parse_header(&bytes).map_err(|_| BadElf::Malformed("header"))?;
    if header.e_type != ET_EXEC && header.e_type != ET_DYN {
        return Err(BadElf::Malformed(
            "not an executable: an object file or a core dump",
        ));
    }
    if header.e_phentsize != 56 || header.e_phnum == 0 || header.e_phnum > 1170 {
        return Err(BadElf::Malformed("program header table"));
    }
    let phnum = usize::from(header.e_phnum);
    let table = read_exactly(file, header.e_phoff, phnum * 56)?;
    let ctx = goblin::container::Ctx::new(
        goblin::container::Container::Big,
        goblin::container::Endian::Little,
    );
    let headers = ProgramHeader::parse(&table, 0, phnum, ctx)
        .map_err(|_| BadElf::Malformed("program headers"))?;

    let mut elf = Elf {
        pie: header.e_type == ET_DYN,
        entry: header.e_entry,
        segments: Vec::new(),
        interp: None,
        phdr: 0,
        phnum: phnum as u64,
        align: PAGE,
        exec_stack: false,
    };
    for ph in &headers {
        match ph.p_type {
            PT_LOAD => load_segment(file, ph, &mut elf)?,
            PT_INTERP if elf.interp.is_none() => elf.interp = Some(interpreter(file, ph)?),
            PT_PHDR => elf.phdr = ph.p_vaddr,
            PT_GNU_STACK => elf.exec_stack = ph.p_flags & 1 != 0,
            _ => {}
        }
    }
    if elf.segments.is_empty() {
        return Err(BadElf::Malformed("nothing to load"));
    }
    if elf
        .segments
        .windows(2)
        .any(|w| w[1].vaddr < w[0].vaddr + w[0].memsz)
    {
        return Err(BadElf::Malformed(
            "segments overlap or are not in ascending order",
        ));
    }
    // As Linux: the table is where the first segment that holds it puts it.
    if let Some(s) = elf
        .segments
        .iter()
        .find(|s| s.offset <= header.e_phoff && header.e_phoff < s.offset + s.filesz)
    {
        elf.phdr = header.e_phoff - s.offset + s.vaddr;
    }
    Ok(elf)
}

fn load_segment(
    file: &(impl ReadAt + ?Sized),
    ph: &ProgramHeader,
    elf: &mut Elf,
) -> Result<(), BadElf> {
    if ph.p_memsz == 0 {
        return Ok(());
    }
    let end = ph.p_vaddr.checked_add(ph.p_memsz).filter(|e| *e <= LIMIT);
    if end.is_none() || ph.p_filesz > ph.p_memsz {
        return Err(BadElf::Malformed("segment size"));
    }
    if ph.p_vaddr % PAGE != ph.p_offset % PAGE {
        return Err(BadElf::Malformed("segment alignment"));
    }
    if ph.p_filesz != 0
        && ph
            .p_offset
            .checked_add(ph.p_filesz)
            .is_none_or(|e| e > file.len())
    {
        return Err(BadElf::Truncated);
    }
    if ph.p_align.is_power_of_two() && ph.p_align > elf.align && ph.p_align <= 1 << 30 {
        elf.align = ph.p_align;
    }
    let prot = ph.p_flags >> 2 & 1 | ph.p_flags & 2 | (ph.p_flags & 1) << 2;
    elf.segments.push(Segment {
        vaddr: ph.p_vaddr,
        memsz: ph.p_memsz,
        filesz: ph.p_filesz,
        offset: ph.p_offset,
        prot,
    });
    Ok(())
}

fn interpreter(file: &(impl ReadAt + ?Sized), ph: &ProgramHeader) -> Result<Vec<u8>, BadElf> {
    let len = usize::try_from(ph.p_filesz).unwrap_or(usize::MAX);
    if !(2..=4096).contains(&len) {
        return Err(BadElf::Malformed("interpreter name"));
    }
    let mut name = read_exactly(file, ph.p_offset, len)?;
    if name.pop() != Some(0) || name.contains(&0) {
        return Err(BadElf::Malformed("interpreter name"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A minimal static executable: header, two program headers, some code.
    fn sample() -> Vec<u8> {
        let mut f = vec![0u8; 0x2000];
        f[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
        let mut put = |at: usize, bytes: &[u8]| f[at..at + bytes.len()].copy_from_slice(bytes);
        put(16, &2u16.to_le_bytes());
        put(18, &62u16.to_le_bytes());
        put(20, &1u32.to_le_bytes());
        put(24, &0x40_1000u64.to_le_bytes());
        put(32, &64u64.to_le_bytes());
        put(52, &64u16.to_le_bytes());
        put(54, &56u16.to_le_bytes());
        put(56, &3u16.to_le_bytes());
        for (i, (ty, flags, off, va, fsz, msz)) in [
            (1u32, 4u32, 0u64, 0x40_0000u64, 0x1000u64, 0x1000u64),
            (1, 5, 0x1000, 0x40_1000, 0x800, 0x3000),
            (3, 4, 0x1800, 0, 10, 10),
        ]
        .into_iter()
        .enumerate()
        {
            let at = 64 + 56 * i;
            put(at, &ty.to_le_bytes());
            put(at + 4, &flags.to_le_bytes());
            for (k, v) in [off, va, va, fsz, msz, 0x1000].into_iter().enumerate() {
                put(at + 8 + 8 * k, &v.to_le_bytes());
            }
        }
        put(0x1800, b"/lib/ld.x\0");
        f
    }

    #[test]
    fn a_good_file_parses() {
        let e = parse(sample().as_slice()).unwrap();
        assert_eq!(
            (e.pie, e.entry, e.phdr, e.phnum),
            (false, 0x40_1000, 0x40_0040, 3)
        );
        assert_eq!(e.span(), 0x40_0000..0x40_4000);
        assert_eq!(e.interp.as_deref(), Some(&b"/lib/ld.x"[..]));
        assert_eq!(e.segments[1].prot, 5);
    }

    #[test]
    fn the_wrong_kind_is_named() {
        assert_eq!(parse(&b"hello, world"[..]), Err(BadElf::NotElf));
        assert_eq!(parse(&b""[..]), Err(BadElf::NotElf));
        let mut f = sample();
        f[18] = 183;
        assert_eq!(
            parse(f.as_slice()).unwrap_err().to_string(),
            "an ELF file for AArch64; felix runs x86-64 Linux programs"
        );
        assert_eq!(parse(&sample()[..0x1200]), Err(BadElf::Truncated));
        assert_eq!(parse(&sample()[..30]), Err(BadElf::Truncated));
    }

    #[test]
    fn any_bytes_end_in_a_value_or_an_error() {
        let mut seed = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        let original = sample();
        for _ in 0..50_000 {
            let mut f = original[..0x240].to_vec();
            for _ in 0..1 + next() % 6 {
                let at = usize::try_from(next() % 240).unwrap();
                match next() % 3 {
                    0 => f[at] = crate::sys::cast::low8(next()),
                    1 => f[at] = 0xff,
                    _ => f[at] ^= 1 << (next() % 8),
                }
            }
            f.truncate(usize::try_from(next() % 0x240).unwrap().max(20));
            f.resize(0x2000, 0);
            if let Ok(e) = parse(f.as_slice()) {
                assert!(e.span().end <= LIMIT + PAGE && e.span().start < e.span().end);
            }
        }
    }
}
