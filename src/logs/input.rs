//! Files as they are found: plain, gzip, zstd, or standard input, told apart by their first bytes; read in blocks that
//! end where a record ends.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

use super::group::{head_of, line_before};

/// How much is looked at in one go.
const BLOCK: usize = 1 << 20;
/// A block grows up to this until a record ends.
const LARGEST: usize = 16 << 20;

/// An input, opened.
pub struct Input {
    /// What it is called.
    pub name: String,
    reader: Box<dyn Read + Send>,
    /// Whether what there is is handed on at once.
    eager: bool,
}

impl Input {
    /// Opens a file; `-` is standard input.
    pub fn open(path: &str) -> io::Result<Self> {
        let (file, eager): (Box<dyn Read + Send>, bool) = if path == "-" {
            (Box::new(io::stdin()), true)
        } else {
            let file = File::open(path)?;
            if file.metadata()?.is_dir() {
                return Err(io::Error::new(
                    io::ErrorKind::IsADirectory,
                    "it is a folder",
                ));
            }
            (Box::new(file), false)
        };
        let name = match path {
            "-" => "stdin".to_owned(),
            path => Path::new(path)
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
        };
        Self::new(name, file, eager)
    }

    /// Reads from what is there already.
    pub fn new(name: String, reader: Box<dyn Read + Send>, eager: bool) -> io::Result<Self> {
        let mut start = BufReader::with_capacity(64 << 10, reader);
        let magic = start.fill_buf()?;
        let reader: Box<dyn Read + Send> = if magic.starts_with(&[0x1f, 0x8b]) {
            Box::new(MultiGzDecoder::new(start))
        } else if magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Box::new(Frames(Some(zstd(start)?)))
        } else {
            Box::new(start)
        };
        Ok(Self {
            name,
            reader,
            eager,
        })
    }
}

type Zstd = StreamingDecoder<BufReader<Box<dyn Read + Send>>, ruzstd::decoding::FrameDecoder>;

fn zstd(reader: BufReader<Box<dyn Read + Send>>) -> io::Result<Zstd> {
    StreamingDecoder::new(reader)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
}

/// The frames of zstd, of which a file may have many.
struct Frames(Option<Zstd>);

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(frame) = &mut self.0 {
            let count = frame.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let Some(mut rest) = self.0.take().map(StreamingDecoder::into_inner) else {
                break;
            };
            if !rest.fill_buf()?.is_empty() {
                self.0 = Some(zstd(rest)?);
            }
        }
        Ok(0)
    }
}

/// The blocks of an input.
pub(super) struct Blocks {
    input: Input,
    carry: Vec<u8>,
    done: bool,
}

impl Blocks {
    /// Nothing is read yet.
    pub(super) fn new(input: Input) -> Self {
        Self {
            input,
            carry: Vec::new(),
            done: false,
        }
    }

    /// The next block, in this buffer; `false` at the end. A block ends where a record ends, unless one is larger than
    /// any block.
    pub(super) fn next(&mut self, block: &mut Vec<u8>) -> io::Result<bool> {
        block.clear();
        if self.done {
            return Ok(false);
        }
        block.append(&mut self.carry);
        let mut wanted = BLOCK;
        loop {
            let before = block.len();
            if self.input.eager {
                let mut some = [0; 64 << 10];
                let count = self.input.reader.read(&mut some)?;
                block.extend_from_slice(&some[..count]);
            } else {
                let room = u64::try_from(wanted.saturating_sub(before)).unwrap_or(u64::MAX);
                self.input.reader.by_ref().take(room).read_to_end(block)?;
            }
            if block.len() == before {
                self.done = true;
                return Ok(!block.is_empty());
            }
            if self.input.eager || block.len() >= wanted {
                let cut = cut(block);
                if cut > 0 {
                    self.carry.extend_from_slice(&block[cut..]);
                    block.truncate(cut);
                    return Ok(true);
                }
                wanted = (block.len() * 2).min(LARGEST);
            }
        }
    }
}

/// Where the last record that is known to be whole ends; 0: there is none yet.
fn cut(block: &[u8]) -> usize {
    let Some(end) = memchr::memrchr(b'\n', block) else {
        return if block.len() >= LARGEST {
            block.len()
        } else {
            0
        };
    };
    // The last whole line may go on in the next one: the record that it is part of stays with what follows.
    let cut = head_of(block, line_before(block, end + 1));
    if cut == 0 && block.len() >= LARGEST {
        end + 1
    } else {
        cut
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn all(bytes: Vec<u8>, eager: bool) -> (String, usize) {
        let input = Input::new("x".into(), Box::new(io::Cursor::new(bytes)), eager).unwrap();
        let mut blocks = Blocks::new(input);
        let (mut block, mut text, mut count) = (Vec::new(), Vec::new(), 0);
        while blocks.next(&mut block).unwrap() {
            count += 1;
            text.extend_from_slice(&block);
        }
        (String::from_utf8(text).unwrap(), count)
    }

    #[test]
    fn every_form_gives_the_same() {
        let text = "INFO a line of a log\nERROR x\n  at y\n".repeat(80_000);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        let zstd = ruzstd::encoding::compress_to_vec(
            text.as_bytes(),
            ruzstd::encoding::CompressionLevel::Fastest,
        );
        let twice = [zstd.clone(), zstd.clone()].concat();
        for (bytes, times) in [
            (text.clone().into_bytes(), 1),
            (gzip.finish().unwrap(), 1),
            (zstd, 1),
            (twice, 2),
        ] {
            let (found, count) = all(bytes, false);
            assert!(found == text.repeat(times));
            assert!(count > 1);
        }
        assert!(all(text.clone().into_bytes(), true).0 == text);
        assert_eq!(all(vec![], false), (String::new(), 0));
    }

    #[test]
    fn a_block_ends_where_a_record_ends() {
        assert_eq!(cut(b"a\nb\n  c\n"), 2);
        assert_eq!(cut(b"a\nb\nc"), 2);
        assert_eq!(cut(b"a\n"), 0);
        assert_eq!(cut(b"a"), 0);
        let endless = "x".repeat(LARGEST + 10);
        assert_eq!(all(endless.clone().into_bytes(), false), (endless, 2));
    }
}
