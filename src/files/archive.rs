//! A small archive of texts: a gzipped tar, as every other tool reads it.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::{Error, Written, read_bytes, write_bytes};
use crate::run::Cx;

/// Writes texts by their names as an archive, whole or not at all. Only the owner may read it.
pub fn pack(cx: &Cx, path: &Path, texts: &BTreeMap<String, String>) -> Result<Written, Error> {
    let bytes = packed(texts, cx.now().timestamp()).map_err(|e| Error::io("write", path, &e))?;
    write_bytes(cx, path, &bytes, Some(0o600))
}

fn packed(texts: &BTreeMap<String, String>, now: i64) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (name, text) in texts {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(now).unwrap_or(0));
        archive.append_data(&mut header, name, text.as_bytes())?;
    }
    let mut gzip = archive.into_inner()?;
    gzip.flush()?;
    gzip.finish()
}

/// Reads the texts of an archive; together they may have `max` bytes.
pub fn unpack(cx: &Cx, path: &Path, max: u64) -> Result<BTreeMap<String, String>, Error> {
    let bytes = read_bytes(cx, path, max)?;
    unpacked(&bytes, max).map_err(|e| Error::io("read", path, &e))
}

fn unpacked(bytes: &[u8], max: u64) -> io::Result<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    // A few bytes can unpack to gigabytes: no more than this is ever unpacked.
    let mut archive = tar::Archive::new(GzDecoder::new(bytes).take(max.saturating_add(1 << 20)));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.display().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text)?;
        texts.insert(name, text);
    }
    Ok(texts)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let texts = BTreeMap::from([
            ("a.json".to_owned(), "{}".to_owned()),
            ("logs/api.log".to_owned(), "é\n".repeat(5000)),
        ]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tar.gz");
        pack(&Cx::detached(), &path, &texts).unwrap();
        assert_eq!(unpack(&Cx::detached(), &path, 1 << 20).unwrap(), texts);
        std::fs::write(&path, "no archive").unwrap();
        assert!(unpack(&Cx::detached(), &path, 1 << 20).is_err());
    }
}
