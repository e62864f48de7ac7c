//! Arbitrary gzip encodings of given bytes.

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use proptest::prelude::*;

/// How a layer is compressed: not at all, or as gzip members one after another.
#[derive(Debug, Clone)]
pub(crate) enum Encoding {
    Plain,
    Gzip(Vec<Member>),
}

#[derive(Debug, Clone)]
pub(crate) struct Member {
    level: u32,
    /// How much of what is left goes into this member, in 256ths; the last takes the rest.
    share: u8,
    /// Number of bytes between two flushes.
    step: usize,
    flush: Option<Flush>,
    /// FHCRC, FEXTRA, FNAME and FCOMMENT.
    optional: [bool; 4],
}

#[derive(Debug, Clone, Copy)]
enum Flush {
    Sync,
    Full,
    Partial,
}

fn member() -> impl Strategy<Value = Member> {
    let level = prop_oneof![Just(0_u32), Just(1), Just(6), Just(9)];
    let step = prop_oneof![1 => 20..700_usize, 3 => 700..90_000_usize];
    let flush = prop_oneof![
        3 => Just(None),
        1 => Just(Some(Flush::Sync)),
        1 => Just(Some(Flush::Full)),
        1 => Just(Some(Flush::Partial)),
    ];
    (level, any::<u8>(), step, flush, any::<[bool; 4]>()).prop_map(
        |(level, share, step, flush, optional)| Member {
            level,
            share,
            step,
            flush,
            optional,
        },
    )
}

pub(crate) fn gzip() -> impl Strategy<Value = Encoding> {
    prop::collection::vec(member(), 1..4).prop_map(Encoding::Gzip)
}

pub(crate) fn encoding() -> impl Strategy<Value = Encoding> {
    prop_oneof![1 => Just(Encoding::Plain), 7 => gzip()]
}

impl Encoding {
    pub(crate) fn encode(&self, content: &[u8]) -> Vec<u8> {
        let Self::Gzip(members) = self else {
            return content.to_vec();
        };
        let mut encoded = Vec::new();
        let mut rest = content;
        for (number, member) in members.iter().enumerate() {
            let last = number + 1 == members.len();
            let share = rest.len() * usize::from(member.share) / 256;
            let (now, later) = rest.split_at(if last { rest.len() } else { share });
            member.encode(now, &mut encoded);
            rest = later;
        }
        encoded
    }
}

impl Member {
    fn encode(&self, content: &[u8], encoded: &mut Vec<u8>) {
        let start = encoded.len();
        let [hcrc, extra, name, comment] = self.optional;
        let flags = [(hcrc, 2), (extra, 4), (name, 8), (comment, 16)];
        let flags = flags.map(|(set, bit)| u8::from(set) * bit).iter().sum();
        encoded.extend_from_slice(&[0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 255]);
        if extra {
            encoded.extend_from_slice(b"\x05\0extra");
        }
        if name {
            encoded.extend_from_slice(b"layer.tar\0");
        }
        if comment {
            encoded.extend_from_slice(b"a comment\0");
        }
        if hcrc {
            let mut crc = Crc::new();
            crc.update(&encoded[start..]);
            encoded.extend_from_slice(&(crc.sum() as u16).to_le_bytes());
        }
        let mut deflate = Compress::new(Compression::new(self.level), false);
        if let Some(flush) = self.flush {
            let flush = match flush {
                Flush::Sync => FlushCompress::Sync,
                Flush::Full => FlushCompress::Full,
                Flush::Partial => FlushCompress::Partial,
            };
            for piece in content.chunks(self.step) {
                run(&mut deflate, piece, flush, encoded);
            }
            run(&mut deflate, &[], FlushCompress::Finish, encoded);
        } else {
            run(&mut deflate, content, FlushCompress::Finish, encoded);
        }
        let mut crc = Crc::new();
        crc.update(content);
        encoded.extend_from_slice(&crc.sum().to_le_bytes());
        encoded.extend_from_slice(&crc.amount().to_le_bytes());
    }
}

fn run(deflate: &mut Compress, input: &[u8], flush: FlushCompress, encoded: &mut Vec<u8>) {
    let before = deflate.total_in();
    loop {
        encoded.reserve(64 << 10);
        let taken = (deflate.total_in() - before) as usize;
        let status = deflate
            .compress_vec(&input[taken..], encoded, flush)
            .expect("compressing");
        // Room that is left over says that nothing is pending.
        if status == Status::StreamEnd || encoded.len() < encoded.capacity() {
            return;
        }
    }
}
