//! From a compressed archive to the bytes of a tar file: gzip, xz, zstd, or none, told by how the file begins.
//!
//! All of it is evaluated, to the end and with its checksums, before an archive counts as read.

use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::FrameDecoder;
use std::io::{self, BufRead, BufReader, Read};

/// How an archive is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Not at all.
    Tar,
    /// gzip.
    Gzip,
    /// xz.
    Xz,
    /// Zstandard.
    Zstd,
}

/// What the first bytes say.
///
/// # Errors
/// A sentence, if this is nothing that can be read.
pub fn format(start: &[u8]) -> Result<Format, String> {
    const LZMA: &[u8] = &[0x5d, 0, 0];
    match start {
        [0x1f, 0x8b, ..] => Ok(Format::Gzip),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Ok(Format::Xz),
        // A Zstandard frame, or one to skip.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Format::Zstd),
        _ if start.get(257..262) == Some(b"ustar") => Ok(Format::Tar),
        // The end of an archive, with nothing before it.
        _ if start.len() >= 512 && start.iter().all(|b| *b == 0) => Ok(Format::Tar),
        [b'B', b'Z', b'h', ..] => {
            Err("is compressed by bzip2; use .tar, .tar.gz, .tar.xz or .tar.zst".into())
        }
        _ if start.starts_with(LZMA) => {
            Err("is compressed by lzma; use .tar, .tar.gz, .tar.xz or .tar.zst".into())
        }
        [b'P', b'K', 3, 4, ..] => {
            Err("is a zip file; use .tar, .tar.gz, .tar.xz or .tar.zst".into())
        }
        [] => Err("is empty".into()),
        _ => Err("is no tar archive, nor one compressed by gzip, xz or zstd".into()),
    }
}

/// The tar file in `source`.
///
/// # Errors
/// If the first bytes cannot be read, or are of no known format.
pub fn open<'a>(source: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut source = BufReader::with_capacity(1 << 16, source);
    let mut start = Vec::new();
    // The buffer is larger than what is looked at, but a reader may give less at once.
    source.by_ref().take(512).read_to_end(&mut start)?;
    let format = format(&start).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
    let source = BufReader::new(io::Cursor::new(start).chain(source));
    Ok(match format {
        Format::Tar => Box::new(source),
        Format::Gzip => Box::new(MultiGzDecoder::new(source)),
        Format::Xz => Box::new(XzReader::new(source, true)),
        Format::Zstd => Box::new(Zstd::new(source)),
    })
}

/// All frames of a Zstandard file.
struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    inside: bool,
}

impl<R: BufRead> Zstd<R> {
    fn new(source: R) -> Zstd<R> {
        let mut decoder = FrameDecoder::new();
        // As zstd --long=31 makes them; memory is taken as it is used.
        decoder.set_max_window_size(1 << 31);
        Zstd {
            source,
            decoder,
            inside: false,
        }
    }

    /// Begins the next frame, if there is one.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            let start = self.source.fill_buf()?;
            if start.is_empty() {
                return Ok(false);
            }
            if (0x50..=0x5f).contains(&start[0]) {
                let mut head = [0; 8];
                self.source.read_exact(&mut head)?;
                let [m0, m1, m2, m3, n @ ..] = head;
                if [m1, m2, m3] != [0x2a, 0x4d, 0x18] {
                    return Err(io::Error::other(format!(
                        "no Zstandard frame begins with {m0:#x}"
                    )));
                }
                let n = u64::from(u32::from_le_bytes(n));
                if io::copy(&mut self.source.by_ref().take(n), &mut io::sink())? != n {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                continue;
            }
            self.decoder
                .reset(&mut self.source)
                .map_err(io::Error::other)?;
            return Ok(true);
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        use ruzstd::decoding::BlockDecodingStrategy::UptoBlocks;
        loop {
            if !self.inside {
                self.inside = self.begin()?;
                if !self.inside {
                    return Ok(0);
                }
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.source, UptoBlocks(1))
                    .map_err(io::Error::other)?;
            }
            let n = self.decoder.read(buf)?;
            if n > 0 || buf.is_empty() {
                return Ok(n);
            }
            let (said, is) = (
                self.decoder.get_checksum_from_data(),
                self.decoder.get_calculated_checksum(),
            );
            if said.is_some() && said != is {
                return Err(io::Error::other("a Zstandard frame's checksum is wrong"));
            }
            self.inside = false;
        }
    }
}
