//! The cursor over one line of a page. It knows tokens and where they stand, nothing of families or samples.

use super::error::Fault;

/// A fault and the byte of the line where it stands.
pub(super) type Found<T> = Result<T, (usize, Fault)>;

const NAME_START: u8 = 1;
const NAME: u8 = 2;
const COLON: u8 = 4;

/// What a byte may be in a name. One look-up a byte instead of five comparisons: names are a third of a page.
static CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        class[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => NAME_START | NAME,
            b'0'..=b'9' => NAME,
            b':' => COLON,
            _ => 0,
        };
        byte += 1;
    }
    class
};

#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) line: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    /// Whether the next byte is this one; steps over it if so.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    pub(super) fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.line.len()
    }

    /// A metric name without quotes: letters, digits, `_` and `:`, no digit first. Empty if none stands here.
    pub(super) fn metric_name(&mut self) -> (usize, usize) {
        self.name(NAME_START | COLON, NAME | COLON)
    }

    /// A label name without quotes: as a metric name, but no colon.
    pub(super) fn label_name(&mut self) -> (usize, usize) {
        self.name(NAME_START, NAME)
    }

    fn name(&mut self, first: u8, rest: u8) -> (usize, usize) {
        let start = self.at;
        if self
            .peek()
            .is_some_and(|byte| CLASS[byte as usize] & first != 0)
        {
            let tail = self.line.get(self.at..).unwrap_or_default();
            let len = tail
                .iter()
                .position(|byte| CLASS[*byte as usize] & rest == 0);
            self.at += len.unwrap_or(tail.len());
        }
        (start, self.at)
    }

    /// A quoted string; the cursor stands behind the opening quote, and afterwards behind the closing one.
    /// Returns the range between the quotes and whether there are backslashes in it. Escapes are checked, not decoded;
    /// OpenMetrics (`lenient`) lets a backslash stand before any character.
    pub(super) fn quoted(&mut self, lenient: bool) -> Found<(usize, usize, bool)> {
        let start = self.at;
        let mut escaped = false;
        loop {
            let tail = self.line.get(self.at..).unwrap_or_default();
            // The opening quote is the place to name: an open string swallows the rest of the line.
            let Some(next) = quote_or_backslash(tail) else {
                return Err((start.saturating_sub(1), Fault::UnterminatedQuote));
            };
            let stop = self.at + next;
            if tail.get(next) == Some(&b'"') {
                self.at = stop + 1;
                return Ok((start, stop, escaped));
            }
            escaped = true;
            match tail.get(next + 1) {
                Some(b'\\' | b'"' | b'n') => self.at = stop + 2,
                Some(_) if lenient => self.at = stop + 1,
                None => return Err((start.saturating_sub(1), Fault::UnterminatedQuote)),
                Some(_) => {
                    let escape = quote_start(tail.get(next..).unwrap_or_default(), 2);
                    return Err((stop, Fault::BadEscape { escape }));
                }
            }
        }
    }

    /// Everything up to the next blank.
    pub(super) fn word(&mut self) -> &'a [u8] {
        let tail = self.line.get(self.at..).unwrap_or_default();
        let len = tail
            .iter()
            .position(|byte| matches!(byte, b' ' | b'\t'))
            .unwrap_or(tail.len());
        self.at += len;
        tail.get(..len).unwrap_or_default()
    }

    /// What stands here, for a message.
    pub(super) fn found(&self) -> String {
        match self.line.get(self.at..) {
            None | Some([]) => "the end of the line".into(),
            Some(tail) => quote_start(tail, 1),
        }
    }
}

/// Eight bytes that are all this one.
const fn eight(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The highest bit of each byte that is 0; only the lowest one found is certain.
const fn zeros(bytes: u64) -> u64 {
    bytes.wrapping_sub(eight(1)) & !bytes & eight(0x80)
}

/// Most strings are shorter than what a call of `memchr` costs: eight bytes at a time, without one.
fn quote_or_backslash(tail: &[u8]) -> Option<usize> {
    let (chunks, rest) = tail.as_chunks::<8>();
    for (index, chunk) in chunks.iter().enumerate() {
        let bytes = u64::from_le_bytes(*chunk);
        let found = zeros(bytes ^ eight(b'"')) | zeros(bytes ^ eight(b'\\'));
        if found != 0 {
            return Some(index * 8 + (found.trailing_zeros() / 8) as usize);
        }
    }
    let near = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
    near.map(|at| tail.len() - rest.len() + at)
}

/// Where the next byte of this kind is.
pub(super) fn find(byte: u8, tail: &[u8]) -> Option<usize> {
    let (chunks, rest) = tail.as_chunks::<8>();
    for (index, chunk) in chunks.iter().enumerate() {
        let found = zeros(u64::from_le_bytes(*chunk) ^ eight(byte));
        if found != 0 {
            return Some(index * 8 + (found.trailing_zeros() / 8) as usize);
        }
    }
    let near = rest.iter().position(|other| *other == byte);
    near.map(|at| tail.len() - rest.len() + at)
}

/// How many bytes two lines have in common from their beginnings on.
pub(super) fn shared(a: &[u8], b: &[u8]) -> usize {
    let mut same = 0;
    for (a, b) in a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0) {
        let differ = u128::from_le_bytes(*a) ^ u128::from_le_bytes(*b);
        if differ != 0 {
            return same + (differ.trailing_zeros() / 8) as usize;
        }
        same += 16;
    }
    let rest = a.iter().zip(b).skip(same);
    same + rest.take_while(|(a, b)| a == b).count()
}

/// The first characters of the bytes in back ticks; what cannot be printed is escaped.
fn quote_start(bytes: &[u8], characters: usize) -> String {
    let head = bytes
        .get(..bytes.len().min(4 * characters))
        .unwrap_or_default();
    let text: String = String::from_utf8_lossy(head)
        .chars()
        .take(characters)
        .collect();
    quote(text.as_bytes())
}

/// Bytes in back ticks for a message, cut after 40 characters; what cannot be printed is escaped.
pub(super) fn quote(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::from("`");
    for (index, character) in text.chars().enumerate() {
        if index == 40 {
            out.push_str("...");
            break;
        }
        if character.is_control() {
            out.extend(character.escape_debug());
        } else {
            out.push(character);
        }
    }
    out.push('`');
    out
}
