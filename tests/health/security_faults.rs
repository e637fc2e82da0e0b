//! The faults of security and hygiene that `security.rs` plants, as data.

use crate::fault::Fault;

const fn fault(
    name: &'static str,
    check: &'static str,
    layer: &'static str,
    severity: &'static str,
    status: &'static str,
    says: &'static str,
) -> Fault {
    Fault {
        name,
        check,
        layer,
        severity,
        status,
        says,
    }
}

const SECURITY: &str = "security";
const HYGIENE: &str = "hygiene";

pub(crate) const FAULTS: &[&Fault] = &[
    &fault(
        "a privileged container",
        "security.privileges",
        SECURITY,
        "critical",
        "bad",
        "is privileged",
    ),
    &fault(
        "a container that was given SYS_ADMIN",
        "security.privileges",
        SECURITY,
        "critical",
        "bad",
        "was given SYS_ADMIN",
    ),
    &fault(
        "the engine's socket in a container",
        "security.engine_socket",
        SECURITY,
        "critical",
        "bad",
        "docker.sock, writable",
    ),
    &fault(
        "a port that is open to the world",
        "security.published_ports",
        SECURITY,
        "critical",
        "bad",
        "open to the world: port",
    ),
    &fault(
        "no JWT secret",
        "security.jwt_secret",
        SECURITY,
        "critical",
        "bad",
        "JWT_SECRET is not set",
    ),
    &fault(
        "a weak JWT secret",
        "security.jwt_secret",
        SECURITY,
        "critical",
        "bad",
        "JWT_SECRET has 14 bytes",
    ),
    &fault(
        "a JWT secret that is a placeholder",
        "security.jwt_secret",
        SECURITY,
        "critical",
        "bad",
        "the placeholder that somebody was to replace",
    ),
    &fault(
        "a default password",
        "security.secrets",
        SECURITY,
        "major",
        "bad",
        "DB_PASSWORD is no secret, since it is one that products are delivered with",
    ),
    &fault(
        "a secret that is missing",
        "security.secrets",
        SECURITY,
        "major",
        "bad",
        "VAULT_TOKEN is not set",
    ),
    &fault(
        "a container with a default password",
        "security.default_passwords",
        SECURITY,
        "critical",
        "bad",
        "GF_SECURITY_ADMIN_PASSWORD of",
    ),
    &fault(
        "settings that everybody can read",
        "security.file_modes",
        SECURITY,
        "major",
        "bad",
        "has mode 0644: everybody can read",
    ),
    &fault(
        "settings that their group can read",
        "security.file_modes",
        SECURITY,
        "major",
        "degraded",
        "has mode 0640: its group can read",
    ),
    &fault(
        "an expired certificate",
        "certificate/api.example",
        SECURITY,
        "major",
        "bad",
        "the certificate has expired",
    ),
    &fault(
        "a certificate that ends soon",
        "certificate/api.example",
        SECURITY,
        "major",
        "degraded",
        "ends in 9 days",
    ),
    &fault(
        "an orphan volume",
        "hygiene.orphan_volumes",
        HYGIENE,
        "minor",
        "degraded",
        "no container mounts",
    ),
    &fault(
        "images without a name",
        "hygiene.dangling_images",
        HYGIENE,
        "minor",
        "degraded",
        "5 images of",
    ),
    &fault(
        "a container behind its tag",
        "hygiene.behind_tag",
        HYGIENE,
        "minor",
        "degraded",
        "runs an older",
    ),
    &fault(
        "a full disk",
        "hygiene.disks",
        HYGIENE,
        "major",
        "bad",
        "% full",
    ),
];

/// The one of this name.
pub(crate) fn named(name: &str) -> &'static Fault {
    let fault = FAULTS.iter().find(|fault| fault.name == name);
    fault.unwrap_or_else(|| panic!("no fault is called {name}"))
}
