//! Which engine is meant: `DOCKER_HOST`, else the context of `DOCKER_CONTEXT`, else the current context,
//! else the default socket; the order and the words of the `docker` command.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Error;
use super::address::{Address, SOCKET};
use super::context;

/// The port of an engine whose address has none.
const PORT: u16 = 2375;
/// The port of one with TLS that is said to be there without an address.
const TLS_PORT: u16 = 2376;
/// How long a connection and the first hello may take.
const HELLO: Duration = Duration::from_secs(5);
/// The same through ssh, which has a handshake, a login and a shell to see to first.
const HELLO_SSH: Duration = Duration::from_secs(25);

/// What the choice depends on.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `DOCKER_HOST`.
    pub host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub context: Option<String>,
    /// Whether `DOCKER_TLS` is set.
    pub tls: bool,
    /// Whether `DOCKER_TLS_VERIFY` is set.
    pub tls_verify: bool,
    /// `DOCKER_CERT_PATH`.
    pub cert_path: Option<PathBuf>,
    /// `DOCKER_CONFIG`.
    pub config: Option<PathBuf>,
    /// The user's home.
    pub home: Option<PathBuf>,
}

impl Settings {
    /// This process's.
    pub fn from_env() -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let text = |name: &str| set(name).map(|value| value.to_string_lossy().into_owned());
        Self {
            host: text("DOCKER_HOST"),
            context: text("DOCKER_CONTEXT"),
            tls: set("DOCKER_TLS").is_some(),
            tls_verify: set("DOCKER_TLS_VERIFY").is_some(),
            cert_path: set("DOCKER_CERT_PATH").map(PathBuf::from),
            config: set("DOCKER_CONFIG").map(PathBuf::from),
            home: env::home_dir(),
        }
    }

    /// The folder of the `docker` command's settings.
    fn folder(&self) -> PathBuf {
        let home = || self.home.clone().unwrap_or_default().join(".docker");
        self.config.clone().unwrap_or_else(home)
    }

    /// A path as people write it.
    fn shown(&self, path: &Path) -> String {
        match self.home.as_ref().map(|home| path.strip_prefix(home)) {
            Some(Ok(rest)) => format!("~/{}", rest.display()),
            _ => path.display().to_string(),
        }
    }
}

/// One engine: where it is, who said so, and how both sides prove who they are.
pub struct Endpoint {
    pub(super) address: Address,
    pub(super) tls: Option<Credentials>,
    context: String,
    origin: Option<String>,
    /// Whether `DOCKER_HOST` chose it, which then needs no context for anybody.
    by_host: bool,
}

/// Whom to trust and what to show, as text of PEM files.
pub(super) struct Credentials {
    pub(super) verify: bool,
    /// Only these authorities; `None`: the system's.
    pub(super) ca: Option<Vec<u8>>,
    /// Certificate and key.
    pub(super) pair: Option<(Vec<u8>, Vec<u8>)>,
}

impl Endpoint {
    /// The engine of this process. Chosen once: whoever changes the current context meanwhile does not
    /// send the second half of a workflow to another engine. An error is not kept.
    pub fn chosen() -> Result<Arc<Self>, Error> {
        static CHOSEN: Mutex<Option<Arc<Endpoint>>> = Mutex::new(None);
        let mut chosen = CHOSEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(endpoint) = &*chosen {
            return Ok(endpoint.clone());
        }
        let endpoint = Arc::new(Self::resolve(&Settings::from_env())?);
        Ok(chosen.insert(endpoint).clone())
    }

    /// The engine at an address, without TLS.
    pub(super) fn at(host: &str) -> Result<Self, Error> {
        let address = Address::parse(host, PORT)
            .map_err(|why| Error::Setting(format!("{:?}: {why}", without_login(host))))?;
        Ok(Self {
            address,
            tls: None,
            context: context::DEFAULT.into(),
            origin: None,
            by_host: false,
        })
    }

    /// The engine that these settings choose.
    pub fn resolve(settings: &Settings) -> Result<Self, Error> {
        if settings.host.is_some() {
            return Self::of_environment(settings);
        }
        let folder = settings.folder();
        let (name, origin) = match &settings.context {
            Some(name) => (name.clone(), "`DOCKER_CONTEXT`".to_owned()),
            None => match context::current(&folder)? {
                Some(name) => (
                    name,
                    format!("`{}`", settings.shown(&folder.join("config.json"))),
                ),
                None => return Self::of_environment(settings),
            },
        };
        if name == context::DEFAULT {
            return Self::of_environment(settings);
        }
        Self::of_context(&folder, &name, format!("context `{name}` of {origin}"))
    }

    fn of_environment(settings: &Settings) -> Result<Self, Error> {
        let tls = settings.tls || settings.tls_verify;
        let tls_by = if settings.tls_verify {
            "`DOCKER_TLS_VERIFY`"
        } else {
            "`DOCKER_TLS`"
        };
        let (address, origin) = match &settings.host {
            Some(host) => {
                let address = Address::parse(host, PORT).map_err(|why| {
                    Error::Setting(format!("`DOCKER_HOST` is {:?}: {why}", without_login(host)))
                })?;
                (address, Some("`DOCKER_HOST`".to_owned()))
            }
            None if tls => {
                let address = Address::Tcp {
                    host: "localhost".into(),
                    port: TLS_PORT,
                    base: String::new(),
                };
                (address, Some(tls_by.to_owned()))
            }
            None => (Address::Unix(SOCKET.into()), None),
        };
        let credentials = if tls {
            let given = settings.cert_path.clone();
            let folder = given.unwrap_or_else(|| settings.folder());
            let read = |name: &str| read(&folder.join(name), tls_by);
            let ca = read("ca.pem")?.ok_or_else(|| {
                Error::Setting(format!(
                    "{tls_by} is set, and there is no `{}`; `DOCKER_CERT_PATH` names the folder of `ca.pem`, `cert.pem` and `key.pem`",
                    settings.shown(&folder.join("ca.pem"))
                ))
            })?;
            Some(Credentials {
                verify: settings.tls_verify,
                ca: Some(ca),
                pair: pair(read("cert.pem")?, read("key.pem")?, tls_by)?,
            })
        } else {
            None
        };
        Ok(Self {
            address,
            tls: credentials,
            context: context::DEFAULT.into(),
            origin,
            by_host: settings.host.is_some(),
        })
    }

    fn of_context(folder: &Path, name: &str, origin: String) -> Result<Self, Error> {
        let reach = context::find(folder, name, &origin)?;
        let files = context::tls_folder(folder, name);
        let read = |name: &str| read(&files.join(name), &origin);
        let (ca, cert, key) = (read("ca.pem")?, read("cert.pem")?, read("key.pem")?);
        let tls = (ca.is_some() || cert.is_some() || key.is_some() || reach.skip_tls_verify)
            .then(|| {
                Ok::<_, Error>(Credentials {
                    verify: !reach.skip_tls_verify,
                    ca,
                    pair: pair(cert, key, &origin)?,
                })
            })
            .transpose()?;
        // Without a port a context's address is taken as any URL is, not as `DOCKER_HOST` is.
        let port = if tls.is_some() { 443 } else { 80 };
        let host = if reach.host.is_empty() {
            "unix://"
        } else {
            &reach.host
        };
        let address = Address::parse(host, port).map_err(|why| {
            Error::Setting(format!(
                "{origin}: its address is {:?}: {why}",
                without_login(host)
            ))
        })?;
        Ok(Self {
            address,
            tls,
            context: name.into(),
            origin: Some(origin),
            by_host: false,
        })
    }

    /// Its address as it may be shown: `tcp://10.0.0.5:2376`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The host of an engine that is on another machine, as addresses have it (IPv6 in brackets). A socket or a port of this
    /// machine may lead to another one all the same; that shows in what the engine says about its host.
    pub fn other_host(&self) -> Option<String> {
        self.address.other_host()
    }

    /// The context's name; `default` where none is used.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// Who chose it: `` `DOCKER_HOST` ``, ``context `prod` of `~/.docker/config.json` ``. `None`: nobody did.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Whether both sides prove who they are, or at least talk so that nobody else understands it.
    pub fn tls(&self) -> bool {
        self.tls.is_some() && matches!(self.address, Address::Tcp { .. })
    }

    /// What to set for a `docker` or `docker-compose` command so that it meets the same engine, besides
    /// what it inherits.
    pub fn for_children(&self) -> Vec<(String, Option<String>)> {
        if self.by_host {
            return Vec::new();
        }
        vec![("DOCKER_CONTEXT".into(), Some(self.context.clone()))]
    }

    /// Address and origin, as errors name them.
    pub(super) fn place(&self) -> String {
        match &self.origin {
            Some(origin) => format!("`{}` ({origin})", self.address),
            None => format!("`{}`", self.address),
        }
    }

    /// How long a connection may take.
    pub(super) fn hello(&self) -> Duration {
        match self.address {
            Address::Ssh(_) => HELLO_SSH,
            _ => HELLO,
        }
    }
}

/// Never its keys.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("address", &self.address())
            .field("origin", &self.origin)
            .field("tls", &self.tls())
            .finish_non_exhaustive()
    }
}

/// A wrong address in a message: without a login.
fn without_login(host: &str) -> String {
    match (host.find("://"), host.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            format!("{}{}", &host[..scheme + 3], &host[at + 1..])
        }
        _ => host.to_owned(),
    }
}

fn read(file: &Path, origin: &str) -> Result<Option<Vec<u8>>, Error> {
    match std::fs::read(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::Setting(format!(
            "{origin}: `{}` cannot be read: {}",
            file.display(),
            crate::net::tcp::reason(&error)
        ))),
    }
}

type Pair = Option<(Vec<u8>, Vec<u8>)>;

fn pair(cert: Option<Vec<u8>>, key: Option<Vec<u8>>, origin: &str) -> Result<Pair, Error> {
    match (cert, key) {
        (Some(cert), Some(key)) => Ok(Some((cert, key))),
        (None, None) => Ok(None),
        (cert, _) => {
            let (has, lacks) = if cert.is_some() {
                ("cert.pem", "key.pem")
            } else {
                ("key.pem", "cert.pem")
            };
            Err(Error::Setting(format!(
                "{origin}: there is a `{has}` and no `{lacks}`"
            )))
        }
    }
}
