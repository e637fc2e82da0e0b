//! The two things that operators ask of a certificate: until when, and from whom.

use chrono::{DateTime, Utc};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// What a certificate says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) expires: Option<DateTime<Utc>>,
    /// `CN=...,O=...`, as RFC 4514 writes it.
    pub(super) issuer: String,
}

/// Reads a DER certificate; `None` if it is none.
pub(super) fn facts(der: &[u8]) -> Option<Facts> {
    let certificate = Certificate::from_der(der).ok()?;
    let body = certificate.tbs_certificate;
    let seconds = body.validity.not_after.to_unix_duration().as_secs();
    Some(Facts {
        expires: i64::try_from(seconds)
            .ok()
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
        issuer: body.issuer.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_none() {
        for bytes in [
            &b""[..],
            b"\x30",
            b"-----BEGIN CERTIFICATE-----",
            &[0xff; 64],
        ] {
            assert_eq!(facts(bytes), None);
        }
    }
}
