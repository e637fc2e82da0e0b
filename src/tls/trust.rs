//! TLS settings, and the verifier that requests, probes and the look at a certificate use.
//!
//! The roots are read once per set of settings: reading the system's bundle takes longer than most
//! requests. The provider is named here, so nothing depends on a process-wide one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::Error;

/// How a server must prove who it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tls {
    /// Whether it must at all.
    pub verify: bool,
    /// A PEM file of authorities to trust besides the system's.
    pub ca: Option<PathBuf>,
    /// The name that the certificate must be for (and that is asked for), if not the URL's host.
    pub server_name: Option<String>,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            verify: true,
            ca: None,
            server_name: None,
        }
    }
}

/// What the trust in a server depends on; the file's age, because a run can outlast a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Trust {
    verify: bool,
    ca: Option<(PathBuf, Option<SystemTime>)>,
}

impl Tls {
    pub(crate) fn trust(&self) -> Trust {
        Trust {
            verify: self.verify,
            ca: self.ca.clone().map(|path| {
                let changed = std::fs::metadata(&path).and_then(|m| m.modified()).ok();
                (path, changed)
            }),
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: Mutex<Option<Arc<CryptoProvider>>> = Mutex::new(None);
    PROVIDER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get_or_insert_with(|| Arc::new(rustls::crypto::ring::default_provider()))
        .clone()
}

/// The verifier for these settings, made once.
pub(crate) fn verifier(trust: &Trust) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    type Known = HashMap<Trust, Arc<dyn ServerCertVerifier>>;
    static KNOWN: Mutex<Option<Known>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_with(HashMap::new);
    if let Some(verifier) = known.get(trust) {
        return Ok(verifier.clone());
    }
    let verifier: Arc<dyn ServerCertVerifier> = if trust.verify {
        let roots = roots(trust.ca.as_ref().map(|(path, _)| path.as_path()))?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| {
                Error::Invalid(format!(
                    "the certificate authorities cannot be used: {error}"
                ))
            })?
    } else {
        blind()
    };
    known.insert(trust.clone(), verifier.clone());
    Ok(verifier)
}

/// A client's configuration with this verifier.
pub(crate) fn config(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, Error> {
    config_as(verifier, None)
}

/// The same, for a client that shows who it is: certificate and key, in PEM.
pub(crate) fn config_as(
    verifier: Arc<dyn ServerCertVerifier>,
    pair: Option<(&[u8], &[u8])>,
) -> Result<ClientConfig, Error> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Invalid(format!("TLS cannot be used: {error}")))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match pair {
        None => config.with_no_client_auth(),
        Some((certificates, key)) => {
            let wrong = |what, why: String| {
                Error::Invalid(format!("the client's {what} cannot be used: {why}"))
            };
            let chain = CertificateDer::pem_slice_iter(certificates)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| wrong("certificate", error.to_string()))?;
            let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| {
                wrong(
                    "key",
                    format!("{error} (one with a passphrase is not read)"),
                )
            })?;
            config
                .with_client_auth_cert(chain, key)
                .map_err(|error| wrong("certificate", error.to_string()))?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The verifier that trusts the authorities of this PEM text alone, and not the system's.
pub(crate) fn verifier_of(pem: &[u8]) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let wrong = |why: String| Error::Invalid(format!("the authorities cannot be used: {why}"));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("there is no certificate".into()));
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    Ok(verifier.map_err(|error| wrong(error.to_string()))?)
}

/// The verifier that accepts whatever a server shows.
pub(crate) fn blind() -> Arc<dyn ServerCertVerifier> {
    Arc::new(Blind)
}

/// A configuration for a client that never speaks TLS: it trusts nobody, and reads no roots.
pub(crate) fn unused_config() -> Result<ClientConfig, Error> {
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Invalid(format!("TLS cannot be used: {error}")))?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

/// The system's authorities and those of `extra`.
fn roots(extra: Option<&Path>) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    store.add_parsable_certificates(system.certs);
    if let Some(path) = extra {
        let wrong = |why: String| Error::Invalid(format!("`ca`: `{}` {why}", path.display()));
        let pem = std::fs::read(path).map_err(|error| {
            wrong(format!(
                "cannot be read: {}",
                crate::net::tcp::reason(&error)
            ))
        })?;
        let mut added = 0;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate =
                certificate.map_err(|error| wrong(format!("is no PEM file: {error}")))?;
            store.add(certificate).map_err(|error| {
                wrong(format!("holds a certificate that cannot be used: {error}"))
            })?;
            added += 1;
        }
        if added == 0 {
            return Err(wrong("holds no certificate".into()));
        }
    }
    if store.is_empty() {
        return Err(Error::Invalid(
            "this machine has no certificate authorities: install its `ca-certificates`, or name a file in `ca`"
                .into(),
        ));
    }
    Ok(store)
}

/// Reads the name that a certificate must be for.
pub(crate) fn server_name(name: &str) -> Result<ServerName<'static>, Error> {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(bare.to_owned())
        .map_err(|_| Error::Invalid(format!("`server_name`: {name:?} is no host name")))
}

/// Accepts every certificate; what was signed with its key is still checked.
#[derive(Debug)]
struct Blind;

impl ServerCertVerifier for Blind {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let provider = provider();
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let provider = provider();
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
