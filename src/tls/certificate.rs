//! What a certificate says about itself.

use std::net::{Ipv4Addr, Ipv6Addr};

use chrono::{DateTime, Utc};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// A certificate's own words; whether anybody believes them is another matter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Certificate {
    /// `CN=...,O=...`, as RFC 4514 writes it; often empty today, see `names`.
    pub subject: String,
    /// Who signed it, written the same way.
    pub issuer: String,
    /// What it is for: host names (`*` stands for one part), addresses, mail addresses, URIs.
    pub names: Vec<String>,
    /// From when on it is good.
    pub not_before: Option<DateTime<Utc>>,
    /// Until when it is good; `None` beyond the year 9999.
    pub not_after: Option<DateTime<Utc>>,
    /// Days until then, negative when that is past; `None` as `not_after`.
    pub days_left: Option<f64>,
    /// Whether it names itself as who signed it.
    pub self_signed: bool,
    /// Whether it may sign others.
    pub authority: bool,
    /// Its number at who signed it, hexadecimal.
    pub serial: String,
    /// SHA-256 over the whole, hexadecimal.
    pub fingerprint_sha256: String,
}

impl Certificate {
    /// Reads a DER certificate as of `now`; `None` if it is none.
    pub fn read(der: &[u8], now: DateTime<Utc>) -> Option<Self> {
        let certificate = x509_cert::Certificate::from_der(der).ok()?;
        let body = &certificate.tbs_certificate;
        let instant = |time: x509_cert::time::Time| {
            let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok()?;
            // The standard's "for ever": 99991231235959Z.
            DateTime::from_timestamp(seconds, 0).filter(|t| t.timestamp() < 253_402_300_799)
        };
        let not_after = instant(body.validity.not_after);
        let names = body
            .get::<SubjectAltName>()
            .ok()
            .flatten()
            .map(|(_, names)| names.0.iter().filter_map(name).collect())
            .unwrap_or_default();
        let authority = body
            .get::<x509_cert::ext::pkix::BasicConstraints>()
            .ok()
            .flatten()
            .is_some_and(|(_, constraints)| constraints.ca);
        Some(Self {
            subject: body.subject.to_string(),
            issuer: body.issuer.to_string(),
            names,
            not_before: instant(body.validity.not_before),
            not_after,
            days_left: not_after.map(|end| days(now, end)),
            self_signed: body.subject.to_der().ok() == body.issuer.to_der().ok(),
            authority,
            serial: hex(body.serial_number.as_bytes()),
            fingerprint_sha256: hex(&Sha256::digest(der)),
        })
    }
}

/// Days from `now` to `end`, to the hundredth.
#[expect(clippy::cast_precision_loss, reason = "days, far below 2^52 seconds")]
fn days(now: DateTime<Utc>, end: DateTime<Utc>) -> f64 {
    ((end - now).num_seconds() as f64 / 864.0).round() / 100.0
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
        GeneralName::Rfc822Name(name) => Some(name.as_str().to_owned()),
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str().to_owned()),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            <[u8; 4]>::try_from(bytes)
                .map(|v4| Ipv4Addr::from(v4).to_string())
                .or_else(|_| <[u8; 16]>::try_from(bytes).map(|v6| Ipv6Addr::from(v6).to_string()))
                .ok()
        }
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    #[test]
    fn what_is_no_certificate_is_none() {
        for bytes in [
            &b""[..],
            b"\x30",
            b"-----BEGIN CERTIFICATE-----",
            &[0xff; 64],
        ] {
            assert_eq!(Certificate::read(bytes, Utc::now()), None);
        }
    }

    #[test]
    fn its_words() {
        let mut params =
            CertificateParams::new(vec!["api.example".into(), "10.0.0.7".into(), "::1".into()])
                .unwrap();
        params.distinguished_name.push(DnType::CommonName, "api");
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 1, 11);
        let der = params
            .self_signed(&KeyPair::generate().unwrap())
            .unwrap()
            .der()
            .to_vec();
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let before = Certificate::read(&der, at("2026-01-01T12:00:00Z")).unwrap();
        assert_eq!(before.names, ["api.example", "10.0.0.7", "::1"]);
        assert!(before.subject.contains("CN=api"), "{before:?}");
        assert!(before.self_signed && !before.authority);
        assert_eq!(before.days_left, Some(9.5));
        assert_eq!(before.not_after, Some(at("2026-01-11T00:00:00Z")));
        assert_eq!(before.fingerprint_sha256.len(), 64);
        let after = Certificate::read(&der, at("2026-01-13T00:00:00Z")).unwrap();
        assert_eq!(after.days_left, Some(-2.0));
    }
}
