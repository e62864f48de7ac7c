//! Fast creation of gzip streams of any length: blocks without back-references are compressed once,
//! and can be repeated any number of times.

use std::io::{self, Write};

use flate2::{Compress, Compression, Crc, FlushCompress};

/// Compressed content.
pub struct Blocks {
    bytes: Vec<u8>,
    crc: Crc,
}

impl Blocks {
    /// Compresses content.
    pub fn of(content: &[u8]) -> Self {
        let mut deflate = Compress::new(Compression::new(6), false);
        let mut bytes = Vec::with_capacity(content.len() / 2 + 1000);
        for flush in [FlushCompress::None, FlushCompress::Full] {
            let rest = &content[deflate.total_in() as usize..];
            bytes.reserve(rest.len() / 2 + 1000);
            deflate
                .compress_vec(rest, &mut bytes, flush)
                .expect("compressing into memory");
        }
        assert_eq!(deflate.total_in(), content.len() as u64, "all of it");
        let mut crc = Crc::new();
        crc.update(content);
        Self { bytes, crc }
    }
}

/// A member of a gzip stream that is being written.
pub struct Member<W> {
    to: W,
    crc: Crc,
}

impl<W: Write> Member<W> {
    /// Starts a member.
    ///
    /// # Errors
    /// If writing fails.
    pub fn start(mut to: W) -> io::Result<Self> {
        to.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])?;
        Ok(Self {
            to,
            crc: Crc::new(),
        })
    }

    /// Appends content the given number of times.
    ///
    /// # Errors
    /// If writing fails.
    pub fn repeat(&mut self, blocks: &Blocks, times: u64) -> io::Result<()> {
        for _ in 0..times {
            self.to.write_all(&blocks.bytes)?;
            self.crc.combine(&blocks.crc);
        }
        Ok(())
    }

    /// Ends the member.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(mut self) -> io::Result<W> {
        // An empty final block.
        self.to.write_all(&[1, 0, 0, 0xff, 0xff])?;
        self.to.write_all(&self.crc.sum().to_le_bytes())?;
        self.to.write_all(&self.crc.amount().to_le_bytes())?;
        Ok(self.to)
    }
}
