//! The floor: inflate once, and hash the compressed bytes twice. A verified zTOC cannot be had
//! for less: one digest is the layer's, the other the spans'.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

/// How much is read at once, in bytes.
const PIECE: usize = 1 << 20;
/// How much is inflated at once, in bytes.
const OUTPUT: usize = 224 << 10;

/// Hashes what is read through it, twice.
struct Hashed<R> {
    inner: BufReader<R>,
    hashers: [Sha256; 2],
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: Read> BufRead for Hashed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.inner.buffer().is_empty() {
            let piece = self.inner.fill_buf()?;
            for hasher in &mut self.hashers {
                hasher.update(piece);
            }
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
    }
}

/// Does it, and prints what came out, so that nothing of it can be left out.
pub(crate) fn run(layer: &Path) -> io::Result<()> {
    let input = Hashed {
        inner: BufReader::with_capacity(PIECE, File::open(layer)?),
        hashers: Default::default(),
    };
    let mut decoder = MultiGzDecoder::new(input);
    let mut output = vec![0; OUTPUT];
    let mut inflated = 0;
    loop {
        match decoder.read(&mut output)? {
            0 => break,
            read => inflated += read,
        }
    }
    let digests = decoder.into_inner().hashers.map(Sha256::finalize);
    println!("{inflated} {:?}", digests.map(|digest| digest[0]));
    Ok(())
}
