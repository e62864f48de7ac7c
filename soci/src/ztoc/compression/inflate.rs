//! DEFLATE with access to zlib's own controls.
//!
//! Checkpoints are defined by the state that zlib exposes at the borders of DEFLATE blocks
//! (`Z_BLOCK` and `data_type`), which no safe interface offers. This module is the only one in the
//! workspace that calls `unsafe` functions; its own interface is safe.

#![allow(
    unsafe_code,
    reason = "zlib's block-border interface exists only as C-style functions"
)]

use std::mem::{MaybeUninit, size_of};

use libz_rs_sys as z;

/// Where a call to [`Inflater::step`] returns before the input or the output space is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopAt {
    /// Nowhere.
    Never,
    /// After a member's header and after each block.
    Block,
}

/// Format around the DEFLATE stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapping {
    /// Bare DEFLATE.
    Raw,
    /// A gzip member: header, CRC-32 and length.
    Gzip,
}

impl Wrapping {
    const fn window_bits(self) -> i32 {
        match self {
            Self::Raw => -15,
            Self::Gzip => 15 + 16,
        }
    }
}

/// Result of one call to [`Inflater::step`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Number of bytes read from the input.
    pub consumed: usize,
    /// Number of bytes written to the output.
    pub produced: usize,
    /// Whether the member ended here, with its checksum verified.
    pub ended: bool,
    /// Whether the input continues with invalid data. All output before that was produced.
    pub corrupt: bool,
    /// Set if the call stopped right after a header, or after a block that is not the last of its
    /// member: the number of bits (0-7) of the last byte read that are not used yet.
    pub border: Option<u8>,
}

/// An inflate stream.
pub(super) struct Inflater {
    // zlib keeps a pointer back to the stream, so the stream must not move.
    stream: Box<z::z_stream>,
}

// SAFETY: the stream owns its state, allocated by the Rust allocator; its input and output
// pointers are only valid within one call of `step`, which holds `&mut self`.
unsafe impl Send for Inflater {}

impl Inflater {
    pub(super) fn new(wrapping: Wrapping) -> Self {
        // SAFETY: all-zero is a valid `z_stream`: null pointers, zero counts, and no
        // allocator, which selects the built-in one.
        let mut stream: Box<z::z_stream> = Box::new(unsafe { MaybeUninit::zeroed().assume_init() });
        // SAFETY: the stream is valid and unaliased; version and size are this crate's own.
        let code = unsafe {
            z::inflateInit2_(
                &raw mut *stream,
                wrapping.window_bits(),
                z::zlibVersion(),
                size_of::<z::z_stream>() as i32,
            )
        };
        assert_eq!(code, z::Z_OK, "inflateInit2 fails only when memory is gone");
        Self { stream }
    }

    /// Starts over with a new member and an empty window.
    pub(super) fn reset(&mut self, wrapping: Wrapping) {
        // SAFETY: the stream was initialised by `new`.
        let code = unsafe { z::inflateReset2(&raw mut *self.stream, wrapping.window_bits()) };
        assert_eq!(code, z::Z_OK, "inflateReset2 of a valid stream succeeds");
    }

    /// Makes a fresh raw stream continue in the middle of another one: the upper `bits` (0-7) of
    /// `byte` come first, and `window` is the output before them.
    pub(super) fn resume(&mut self, bits: u8, byte: u8, window: &[u8]) {
        if bits > 0 {
            // SAFETY: the stream was initialised by `new`.
            let code = unsafe {
                z::inflatePrime(
                    &raw mut *self.stream,
                    i32::from(bits),
                    i32::from(byte >> (8 - bits)),
                )
            };
            assert_eq!(code, z::Z_OK, "inflatePrime with at most 7 bits succeeds");
        }
        // SAFETY: pointer and length are those of one slice, and the stream is initialised.
        let code = unsafe {
            z::inflateSetDictionary(&raw mut *self.stream, window.as_ptr(), window.len() as u32)
        };
        assert_eq!(
            code,
            z::Z_OK,
            "inflateSetDictionary of a raw stream succeeds"
        );
    }

    /// Inflates from `input` to `output` until one is used up or the stop is reached.
    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8], stop: StopAt) -> Step {
        // Counts are 32 bits wide; the rest is left for the next call.
        let input_len = u32::try_from(input.len()).unwrap_or(u32::MAX);
        let output_len = u32::try_from(output.len()).unwrap_or(u32::MAX);
        self.stream.next_in = input.as_ptr();
        self.stream.avail_in = input_len;
        self.stream.next_out = output.as_mut_ptr();
        self.stream.avail_out = output_len;
        let flush = match stop {
            StopAt::Never => z::Z_NO_FLUSH,
            StopAt::Block => z::Z_BLOCK,
        };
        // SAFETY: the stream is initialised, and its pointers and counts are those of two
        // live slices, the output one exclusively borrowed.
        let code = unsafe { z::inflate(&raw mut *self.stream, flush) };
        let consumed = (input_len - self.stream.avail_in) as usize;
        let produced = (output_len - self.stream.avail_out) as usize;
        let data_type = self.stream.data_type;
        let at_border = data_type & 128 != 0 && data_type & 64 == 0;
        Step {
            consumed,
            produced,
            ended: code == z::Z_STREAM_END,
            // zlib reports a call that made no progress as a buffer error, which is not an error
            // here.
            corrupt: !matches!(code, z::Z_OK | z::Z_STREAM_END | z::Z_BUF_ERROR),
            border: at_border.then_some((data_type & 7) as u8),
        }
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        // SAFETY: the stream was initialised by `new` and is not used again.
        unsafe { z::inflateEnd(&raw mut *self.stream) };
    }
}
