//! The files in which the engine keeps a container's log, read directly: the same lines as the engine gives, many times
//! as fast. Only where the engine is on this machine, keeps logs as JSON lines, and lets this user read them.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use flate2::read::GzDecoder;
use serde::Deserialize;

use super::address::Address;
use super::lines::{Assembler, Line, Side};
use super::log_stream::{LogText, Mark, Reading};
use super::{ContainerDetail, Engine};
use crate::instant;

/// How much is read in one go.
const BLOCK: usize = 1 << 20;

/// The log of a container, as files.
pub struct LogFiles {
    /// Oldest first.
    files: Vec<Box<dyn Read + Send>>,
    reading: Reading,
    since: Option<i64>,
    last: bool,
    assembler: Assembler,
}

impl Engine {
    /// The files of this container's log; `None` where they cannot be read directly. `last`: a line that has no end yet is
    /// given too.
    pub fn log_files(
        &self,
        detail: &ContainerDetail,
        since: Option<i64>,
        last: bool,
    ) -> Option<LogFiles> {
        let here = matches!(self.endpoint().ok()?.address, Address::Unix(_));
        let path = detail.log_path.as_deref().filter(|path| !path.is_empty())?;
        if !here || detail.log_driver != "json-file" {
            return None;
        }
        let files = open_all(Path::new(path))?;
        Some(LogFiles {
            files,
            reading: Reading::default(),
            since,
            last,
            assembler: Assembler::default(),
        })
    }
}

/// The file and those that were rotated away, oldest first. What is rotated while they are opened is opened anew.
fn open_all(path: &Path) -> Option<Vec<Box<dyn Read + Send>>> {
    for _ in 0..5 {
        let current = File::open(path).ok()?;
        let inode = current.metadata().ok()?.ino();
        let mut files: Vec<Box<dyn Read + Send>> = vec![Box::new(current)];
        for n in 1.. {
            let plain = PathBuf::from(format!("{}.{n}", path.display()));
            let packed = PathBuf::from(format!("{}.{n}.gz", path.display()));
            if let Ok(file) = File::open(&plain) {
                files.push(Box::new(file));
            } else if let Ok(file) = File::open(&packed) {
                files.push(Box::new(GzDecoder::new(BufReader::new(file))));
            } else {
                break;
            }
        }
        if std::fs::metadata(path).ok()?.ino() == inode {
            files.reverse();
            return Some(files);
        }
    }
    None
}

impl LogFiles {
    /// Reads all of it; `line` gives `false` to end.
    pub fn read(&mut self, mut line: impl FnMut(LogText<'_>) -> bool) -> io::Result<()> {
        let mut scratch = Vec::new();
        for mut file in std::mem::take(&mut self.files) {
            let mut block: Vec<u8> = Vec::with_capacity(2 * BLOCK);
            loop {
                let before = block.len();
                let room = u64::try_from(BLOCK).unwrap_or(u64::MAX);
                file.by_ref().take(room).read_to_end(&mut block)?;
                if block.len() == before {
                    // What has no end yet is still being written.
                    break;
                }
                let whole = memchr::memrchr(b'\n', &block).map_or(0, |end| end + 1);
                let mut at = 0;
                while let Some(length) = memchr::memchr(b'\n', &block[at..whole]) {
                    if !self.message(&block[at..at + length], &mut scratch, &mut line) {
                        return Ok(());
                    }
                    at += length + 1;
                }
                block.drain(..whole);
            }
        }
        let mut assembler = std::mem::take(&mut self.assembler);
        if self.last {
            assembler.flush(|got| _ = self.hand(&got, &mut line));
        }
        Ok(())
    }

    /// Up to where it was read.
    pub fn mark(&self) -> Mark {
        self.reading.mark()
    }

    /// One message of the log driver: a line, or a part of a long one.
    fn message(
        &mut self,
        json: &[u8],
        scratch: &mut Vec<u8>,
        line: &mut impl FnMut(LogText<'_>) -> bool,
    ) -> bool {
        let owned;
        let message = match Message::read(json, scratch) {
            Some(message) => message,
            None => match serde_json::from_slice::<Slow>(json) {
                Ok(slow) => {
                    owned = slow;
                    Message {
                        text: owned.log.as_bytes(),
                        stderr: owned.stream == "stderr",
                        at: instant::parse(owned.time.as_bytes()),
                    }
                }
                // Of a file that a crash left broken the rest is still good.
                Err(_) => return true,
            },
        };
        let side = if message.stderr { Side::Err } else { Side::Out };
        let time = message.at.map(DateTime::from_timestamp_nanos);
        let mut more = true;
        // The assembler stands beside what it hands its lines to.
        let mut assembler = std::mem::take(&mut self.assembler);
        assembler.message(side, time, message.text, &mut |got: Line<'_>| {
            more = self.hand(&got, line)
        });
        self.assembler = assembler;
        more
    }

    fn hand(&mut self, got: &Line<'_>, line: &mut impl FnMut(LogText<'_>) -> bool) -> bool {
        self.reading.take(got, self.since).is_none_or(line)
    }
}

/// A message as the engine writes it.
struct Message<'a> {
    text: &'a [u8],
    stderr: bool,
    at: Option<i64>,
}

/// The same, for whatever is written otherwise.
#[derive(Deserialize)]
struct Slow {
    #[serde(default)]
    log: String,
    #[serde(default)]
    stream: String,
    #[serde(default)]
    time: String,
}

impl<'a> Message<'a> {
    /// `{"log":"text\n","stream":"stdout","time":"2026-11-28T14:33:06.123456789Z"}`, and nothing else.
    fn read(json: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<Self> {
        let body = json.strip_prefix(b"{\"log\":\"")?;
        let mut end = 0;
        let mut escaped = false;
        loop {
            end += memchr::memchr2(b'"', b'\\', &body[end..])?;
            if body[end] == b'"' {
                break;
            }
            escaped = true;
            end += 2;
            if end > body.len() {
                return None;
            }
        }
        let rest = body[end + 1..].strip_prefix(b",\"stream\":\"std")?;
        let (stderr, rest) = match rest.split_at_checked(4)? {
            (b"out\"", rest) => (false, rest),
            (b"err\"", rest) => (true, rest),
            _ => return None,
        };
        let time = rest.strip_prefix(b",\"time\":\"")?.strip_suffix(b"\"}")?;
        let (at, length) = instant::parse_prefix(time)?;
        if length != time.len() {
            return None;
        }
        let text = if escaped {
            unescape(&body[..end], scratch)?;
            scratch.as_slice()
        } else {
            &body[..end]
        };
        Some(Self {
            text,
            stderr,
            at: Some(at),
        })
    }
}

/// Takes the escapes out of a JSON text; `None` for those that are rare.
fn unescape(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.clear();
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let mut taken = 2;
        match rest.get(at + 1)? {
            b'n' => out.push(b'\n'),
            b'"' => out.push(b'"'),
            b'\\' => out.push(b'\\'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'u' => {
                // Go writes `<`, `>` and `&` so, and control bytes.
                let digits = std::str::from_utf8(rest.get(at + 2..at + 6)?).ok()?;
                let code = u32::from_str_radix(digits, 16).ok()?;
                let letter = char::from_u32(code)?;
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                taken = 6;
            }
            _ => return None,
        }
        rest = &rest[at + taken..];
    }
    out.extend_from_slice(rest);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(files: Vec<&'static str>) -> Vec<(String, bool, Option<i64>)> {
        let mut log = LogFiles {
            files: files
                .into_iter()
                .map(|text| Box::new(text.as_bytes()) as Box<dyn Read + Send>)
                .collect(),
            reading: Reading::default(),
            since: None,
            last: true,
            assembler: Assembler::default(),
        };
        let mut all = Vec::new();
        let read = log.read(|line| {
            all.push((
                String::from_utf8_lossy(line.text).into_owned(),
                line.stderr,
                line.at,
            ));
            true
        });
        assert!(read.is_ok());
        all
    }

    #[test]
    fn messages_become_lines() {
        let at = instant::parse(b"2026-11-28T14:33:06.5Z");
        let found = lines(vec![
            "{\"log\":\"a \\\"b\\\" \\u003c\\t\\\\n\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-28T14:33:06.5Z\"}\n{\"log\":\"long \",\"stream\":\"stdout\",\"time\":\"2026-11-28T14:33:06.5Z\"}\n",
            "{\"log\":\"err\\n\",\"stream\":\"stderr\",\"attrs\":{\"a\":\"b\"},\"time\":\"2026-11-28T14:33:06.5Z\"}\nbroken\n{\"log\":\"line\\r\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-28T14:33:07Z\"}\n{\"log\":\"\\ud83d\\ude00 no end\",\"stream\":\"stdout\",\"time\":\"2026-11-28T14:33:06.5Z\"}\n{\"log\":\"half",
        ]);
        let expected = [
            ("a \"b\" <\t\\n", false),
            ("err", true),
            ("long line", false),
            ("😀 no end", false),
        ];
        assert_eq!(found.len(), 4);
        for ((text, stderr, time), (wanted, wanted_stderr)) in found.iter().zip(expected) {
            assert_eq!((text.as_str(), *stderr, *time), (wanted, wanted_stderr, at));
        }
    }
}
