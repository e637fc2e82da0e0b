//! What a server shows in a handshake, whether or not it would be believed: the handshake goes on with any
//! certificate, nothing is sent after it, and the judgement is made here.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rustls::CertificateError;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use super::{Certificate, Error, Tls, Witness, broken_off, config, reason, server_name, verifier};
use crate::net::{dns, ms, tcp};
use crate::run::Cx;

/// Whom to ask, and what for.
#[derive(Debug, Clone)]
pub struct Question {
    /// `host:port`.
    pub address: String,
    /// The name to ask for, and that the certificate must be for; the host by default.
    pub server_name: Option<String>,
    /// A PEM file of authorities to trust besides the system's.
    pub ca: Option<PathBuf>,
    /// For look-up, connection and handshake together.
    pub timeout: Duration,
}

/// What a server showed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Peer {
    /// What was asked: `host:port`.
    pub address: String,
    /// The address that answered.
    pub ip: String,
    /// The name that was asked for.
    pub server_name: String,
    /// `1.2` or `1.3`; `None` when the handshake did not end, see `error`.
    pub protocol: Option<String>,
    /// Whether a client with these authorities believes it, now, for this name.
    pub verified: bool,
    /// Why not, all of: `expired`, `not_yet_valid`, `wrong_name`, `self_signed`, `unknown_issuer`,
    /// `unusable`.
    pub problems: Vec<String>,
    /// The same in words; also why the handshake did not end.
    pub error: Option<String>,
    /// The server's own certificate.
    #[serde(flatten)]
    pub certificate: Certificate,
    /// As it sent them, its own first.
    pub chain: Vec<Certificate>,
    /// All of it.
    pub ms: f64,
}

/// What a server shows. A certificate that is not accepted is an answer.
pub fn peer(cx: &Cx, question: &Question) -> Result<Peer, Error> {
    let (host, port) =
        tcp::host_port(&question.address).map_err(|error| Error::Invalid(error.to_string()))?;
    let name = server_name(question.server_name.as_deref().unwrap_or(&host))?;
    // Reading the system's authorities is no part of what is timed.
    let judge = verifier(
        &Tls {
            ca: question.ca.clone(),
            ..Tls::default()
        }
        .trust(),
    )?;
    let knock = Knock {
        address: question.address.clone(),
        host,
        port,
        name,
        timeout: question.timeout,
        now: cx.now(),
        judge,
    };
    cx.wait(async move { knock.run().await })?
}

struct Knock {
    address: String,
    host: String,
    port: u16,
    name: ServerName<'static>,
    timeout: Duration,
    now: DateTime<Utc>,
    judge: Arc<dyn ServerCertVerifier>,
}

impl Knock {
    async fn run(self) -> Result<Peer, Error> {
        let began = Instant::now();
        let deadline = began + self.timeout;
        let addresses = timeout_at(deadline, dns::resolve(&self.host))
            .await
            .map_err(|_| self.late("looking the host up"))?
            .map_err(|error| self.unreachable(error.to_string()))?;
        let left = deadline.saturating_duration_since(Instant::now());
        let (stream, ip) = tcp::connect(&addresses, self.port, left)
            .await
            .map_err(|missed| match missed.kind {
                ErrorKind::TimedOut => self.late("connecting"),
                _ => self.unreachable(missed.why),
            })?;
        let witness = Witness::lenient(self.judge.clone());
        let mut settings = config(witness.clone())?;
        // It need not be a server of HTTP.
        settings.alpn_protocols.clear();
        let handshake =
            tokio_rustls::TlsConnector::from(Arc::new(settings)).connect(self.name.clone(), stream);
        let answer = timeout_at(deadline, handshake).await;
        let ders = witness.chain();
        let chain: Vec<_> = ders
            .iter()
            .filter_map(|der| Certificate::read(der, self.now))
            .collect();
        let ended = match answer {
            Err(_) => Err(self.late("the TLS handshake")),
            Ok(Err(error)) => Err(self.broken(&error)),
            Ok(Ok(stream)) => Ok(stream.get_ref().1.protocol_version()),
        };
        let Some(certificate) = chain.first().cloned() else {
            return Err(ended.err().unwrap_or_else(|| Error::Handshake {
                address: self.address.clone(),
                why: "it showed no certificate that can be read".into(),
            }));
        };
        let mut verdict = self.judge(&ders, &certificate);
        let protocol = match ended {
            Ok(version) => version.map(|v| {
                format!("{v:?}")
                    .trim_start_matches("TLSv")
                    .replace('_', ".")
            }),
            Err(error) => {
                if verdict.problems.is_empty() {
                    verdict.problems.push("unusable".into());
                }
                verdict.error = Some(error.to_string());
                None
            }
        };
        Ok(Peer {
            address: self.address,
            ip: ip.ip().to_string(),
            server_name: self.name.to_str().into_owned(),
            protocol,
            verified: verdict.problems.is_empty(),
            problems: verdict.problems,
            error: verdict.error,
            certificate,
            chain,
            ms: ms(began.elapsed()),
        })
    }

    /// Everything that speaks against it. A verifier stops at the first; dates and name are therefore asked
    /// apart from the signatures.
    fn judge(&self, ders: &[Vec<u8>], own: &Certificate) -> Verdict {
        let mut found = Verdict::default();
        if own.not_after.is_some_and(|end| end < self.now) {
            found.add("expired", "the certificate has expired");
        }
        if own.not_before.is_some_and(|start| start > self.now) {
            found.add("not_yet_valid", "the certificate is not valid yet");
        }
        let Some((leaf, rest)) = ders.split_first() else {
            return found;
        };
        let leaf = CertificateDer::from(leaf.as_slice());
        let rest: Vec<_> = rest
            .iter()
            .map(|der| CertificateDer::from(der.as_slice()))
            .collect();
        if let Ok(parsed) = rustls::server::ParsedCertificate::try_from(&leaf)
            && rustls::client::verify_server_name(&parsed, &self.name).is_err()
        {
            let names = if own.names.is_empty() {
                "none".into()
            } else {
                own.names.join(", ")
            };
            found.add(
                "wrong_name",
                &format!(
                    "it is not for `{}`: the names in it are {names}",
                    self.name.to_str()
                ),
            );
        }
        // At an instant when its dates are good, so that they do not hide the rest.
        let at = if found.problems.iter().any(|p| p == "expired") {
            own.not_after.map(|end| end - chrono::TimeDelta::seconds(1))
        } else if found.problems.iter().any(|p| p == "not_yet_valid") {
            own.not_before
        } else {
            Some(self.now)
        };
        let seconds = at.map_or(0, |at| at.timestamp());
        let at = UnixTime::since_unix_epoch(Duration::from_secs(
            u64::try_from(seconds).unwrap_or_default(),
        ));
        if let Err(error) = self
            .judge
            .verify_server_cert(&leaf, &rest, &self.name, &[], at)
        {
            let known = found.problems.iter().any(|p| p == "wrong_name");
            match problem(&error) {
                "wrong_name" if known => {}
                "unknown_issuer" if own.self_signed => {
                    found.add("self_signed", "it has signed itself");
                }
                word => found.add(word, &reason(&error)),
            }
        }
        found
    }

    fn broken(&self, error: &std::io::Error) -> Error {
        let address = self.address.clone();
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            Some(rustls::Error::InvalidMessage(_)) => Error::NotTls {
                address,
                why: "what came back is no TLS".into(),
            },
            Some(error) => Error::Handshake {
                address,
                why: reason(error),
            },
            // Servers of other protocols hang up when they cannot make sense of it.
            None => Error::NotTls {
                address,
                why: broken_off(&tcp::reason(error)),
            },
        }
    }

    fn unreachable(&self, why: String) -> Error {
        Error::Unreachable {
            address: self.address.clone(),
            why,
        }
    }

    fn late(&self, doing: &'static str) -> Error {
        Error::Timeout {
            address: self.address.clone(),
            doing,
            limit: self.timeout,
        }
    }
}

#[derive(Default)]
struct Verdict {
    problems: Vec<String>,
    error: Option<String>,
}

impl Verdict {
    fn add(&mut self, problem: &str, why: &str) {
        if self.problems.iter().any(|p| p == problem) {
            return;
        }
        self.problems.push(problem.to_owned());
        self.error = Some(match self.error.take() {
            Some(before) => format!("{before}; {why}"),
            None => why.to_owned(),
        });
    }
}

/// A verifier's error as one of the words of [`Peer::problems`].
fn problem(error: &rustls::Error) -> &'static str {
    use CertificateError as E;
    match error {
        rustls::Error::InvalidCertificate(why) => match why {
            E::Expired | E::ExpiredContext { .. } => "expired",
            E::NotValidYet | E::NotValidYetContext { .. } => "not_yet_valid",
            E::NotValidForName | E::NotValidForNameContext { .. } => "wrong_name",
            E::UnknownIssuer => "unknown_issuer",
            _ => "unusable",
        },
        _ => "unusable",
    }
}
