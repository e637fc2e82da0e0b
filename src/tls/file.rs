//! Certificates in a file: PEM, as most programs keep them; DER; and Traefik's `acme.json`, which has PEM
//! in base64 beside the keys.

use std::path::Path;

use base64::Engine as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;

use super::{Certificate, Error};
use crate::files;
use crate::run::Cx;

/// More is no file of certificates; the system's own bundle has a quarter of a mebibyte.
const LIMIT: u64 = 8 << 20;

/// The certificates of a file, in its order. Keys in it are passed over.
pub fn certificates(cx: &Cx, path: &Path) -> Result<Vec<Certificate>, Error> {
    let bytes = files::read_bytes(cx, path, LIMIT)?;
    let none = |why: &str| Error::NoCertificate {
        path: path.to_owned(),
        why: why.into(),
    };
    if bytes.is_empty() {
        return Err(none("it is empty"));
    }
    let ders = if bytes.first() == Some(&b'{') {
        acme(&bytes).ok_or_else(|| none("JSON, but not as Traefik writes its `acme.json`"))?
    } else if memchr::memmem::find(&bytes, b"-----BEGIN ").is_some() {
        pem(&bytes).ok_or_else(|| none("a PEM block of it is broken"))?
    } else {
        vec![bytes]
    };
    if ders.is_empty() {
        return Err(none("its parts are of other kinds"));
    }
    ders.iter()
        .map(|der| Certificate::read(der, cx.now()).ok_or_else(|| none("what it holds is none")))
        .collect()
}

fn pem(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    CertificateDer::pem_slice_iter(bytes)
        .map(|found| found.ok().map(|der| der.to_vec()))
        .collect()
}

/// `{ RESOLVER: { "Certificates": [ { "certificate": BASE64 OF PEM, "key": ... } ] } }`. The first of each
/// chain; the others are the authority's.
fn acme(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let all: Value = serde_json::from_slice(bytes).ok()?;
    let mut found = Vec::new();
    let mut known = false;
    for resolver in all.as_object()?.values() {
        // Before the first order Traefik writes `null` there.
        let Some(list) = resolver.get("Certificates") else {
            continue;
        };
        known = true;
        for entry in list.as_array().into_iter().flatten() {
            let text = entry.get("certificate")?.as_str()?;
            let text = base64::prelude::BASE64_STANDARD.decode(text).ok()?;
            found.push(pem(&text)?.into_iter().next()?);
        }
    }
    known.then_some(found)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};

    fn made(name: &str) -> (String, String, Vec<u8>) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let der = certificate.der().to_vec();
        (certificate.pem(), key.serialize_pem(), der)
    }

    fn names(bytes: &[u8]) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        let all = certificates(&Cx::detached(), &path).map_err(|e| e.to_string())?;
        Ok(all.into_iter().flat_map(|c| c.names).collect())
    }

    #[test]
    fn pem_der_and_traefiks_store() {
        let (one, key, der) = made("one.example");
        let (two, _, _) = made("two.example");
        let both = format!("{key}{one}{two}");
        assert_eq!(
            names(both.as_bytes()).unwrap(),
            ["one.example", "two.example"]
        );
        assert_eq!(names(&der).unwrap(), ["one.example"]);
        let encoded = base64::prelude::BASE64_STANDARD.encode(format!("{one}{two}"));
        let store = serde_json::json!({ "le": { "Account": {}, "Certificates": [
            { "domain": { "main": "one.example" }, "certificate": encoded, "key": "c2VjcmV0" } ] } });
        assert_eq!(
            names(store.to_string().as_bytes()).unwrap(),
            ["one.example"]
        );
    }

    #[test]
    fn what_has_none_says_so_and_shows_nothing() {
        let (_, key, _) = made("x.example");
        for (bytes, why) in [
            (b"".to_vec(), "it is empty"),
            (key.clone().into_bytes(), "other kinds"),
            (b"{\"a\": 1}".to_vec(), "not as Traefik"),
            (
                b"{\"le\": {\"Certificates\": null}}".to_vec(),
                "other kinds",
            ),
            (b"hello".to_vec(), "is none"),
            (
                b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n".to_vec(),
                "broken",
            ),
        ] {
            let error = names(&bytes).unwrap_err();
            assert!(error.contains(why), "{error}");
            assert!(!error.contains(key.lines().nth(1).unwrap()), "{error}");
        }
        let gone = certificates(&Cx::detached(), Path::new("/no/such.pem"));
        assert!(matches!(gone, Err(Error::File(files::Error::NotFound(_)))));
    }
}
