//! What containers keep: saving and restoring a folder of one, removing volumes and images.
//!
//! Folders go through the engine's archive calls, which see named volumes and bind mounts alike, of containers that do not run,
//! and of an engine on another machine, too.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use bollard::body_try_stream;
use bollard::errors::Error as Wire;
use bollard::query_parameters::{
    DownloadFromContainerOptions, RemoveImageOptions, RemoveVolumeOptions, UploadToContainerOptions,
};
use bytes::Bytes;
use futures_util::StreamExt;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::engine::{CHANGE, checked_name};
use super::{Engine, Error};
use crate::run::Cx;

/// A copy of gigabytes takes its time; the run's own deadline is what ends it.
const COPY: Duration = Duration::from_secs(3600);
const PIECE: usize = 1 << 18;

/// A folder of a container, saved into a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Saved {
    /// The container.
    pub container: String,
    /// The folder inside.
    pub folder: String,
    /// The file: a tar.
    pub path: String,
    /// Its size.
    pub size_bytes: i64,
    /// Its SHA-256.
    pub sha256: String,
    /// How long it took.
    pub ms: i64,
}

/// Something that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gone {
    /// Its name.
    pub name: String,
    /// Whether it was there.
    pub changed: bool,
}

impl Engine {
    /// Saves what is in `folder` of a container, running or not, into `path`: written beside, read back, renamed.
    pub fn save(&self, cx: &Cx, name: &str, folder: &str, path: &Path) -> Result<Saved, Error> {
        let (began, seen) = (Instant::now(), self.container(cx, name)?);
        let what = format!("save `{folder}` of container `{name}`");
        let failed = |e: io::Error| Error::Failed {
            what: what.clone(),
            status: None,
            message: format!("{}: {e}", path.display()),
        };
        let beside = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/")))
            .map_err(failed)?;
        let mut file = beside.reopen().map_err(failed)?;
        let inside = format!("{}/.", folder.trim_end_matches('/'));
        let id = seen.id.clone();
        let written = self.read(cx, &what, COPY, move |client| async move {
            let options = DownloadFromContainerOptions { path: inside };
            let mut pieces = client.download_from_container(&id, Some(options));
            let (mut hash, mut size) = (Sha256::new(), 0_i64);
            while let Some(piece) = pieces.next().await {
                let piece = piece?;
                hash.update(&piece);
                size += i64::try_from(piece.len()).unwrap_or(0);
                if let Err(error) = file.write_all(&piece) {
                    return Ok(Err(error));
                }
            }
            Ok::<_, Wire>(file.sync_all().map(|()| (size, hex(&hash.finalize()))))
        })?;
        let (size_bytes, sha256) = written.map_err(failed)?;
        // What is on the disk counts, not what was sent to it.
        if digest(beside.path()).map_err(failed)? != sha256 {
            return Err(failed(io::Error::other(
                "what was read back is not what was written",
            )));
        }
        beside.persist(path).map_err(|e| failed(e.error))?;
        Ok(Saved {
            container: seen.name,
            folder: folder.to_owned(),
            path: path.display().to_string(),
            size_bytes,
            sha256,
            ms: i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX),
        })
    }

    /// Puts what was saved back into `folder` of a container; what is there besides stays. The file must have this digest.
    pub fn restore(
        &self,
        cx: &Cx,
        name: &str,
        folder: &str,
        path: &Path,
        sha256: &str,
    ) -> Result<Saved, Error> {
        let (began, seen) = (Instant::now(), self.container(cx, name)?);
        let what = format!("restore `{folder}` of container `{name}`");
        let failed = |e: io::Error| Error::Failed {
            what: what.clone(),
            status: None,
            message: format!("{}: {e}", path.display()),
        };
        if digest(path).map_err(failed)? != sha256 {
            return Err(failed(io::Error::other(
                "it is not what was saved: its digest is another",
            )));
        }
        let mut file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let options = UploadToContainerOptions {
            path: folder.to_owned(),
            ..UploadToContainerOptions::default()
        };
        let id = seen.id.clone();
        self.change(cx, &what, COPY, move |client| async move {
            let pieces = futures_util::stream::iter(std::iter::from_fn(move || piece(&mut file)));
            client
                .upload_to_container(&id, Some(options), body_try_stream(pieces))
                .await
        })?;
        Ok(Saved {
            container: seen.name,
            folder: folder.to_owned(),
            path: path.display().to_string(),
            size_bytes: i64::try_from(size).unwrap_or(i64::MAX),
            sha256: sha256.to_owned(),
            ms: i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX),
        })
    }

    /// Removes a volume with all that is in it. One that is not there is no error.
    pub fn remove_volume(&self, cx: &Cx, name: &str) -> Result<Gone, Error> {
        let what = format!("remove volume `{}`", checked_name(name)?);
        let asked = name.to_owned();
        let done = self.change(cx, &what, CHANGE, |client| async move {
            client
                .remove_volume(&asked, None::<RemoveVolumeOptions>)
                .await
        });
        gone(name, done)
    }

    /// Removes an image by its id or name. One that is not there is no error; one in use is a conflict.
    pub fn remove_image(&self, cx: &Cx, name: &str) -> Result<Gone, Error> {
        if name.is_empty() || name.contains("..") || name.contains(['?', '#', ' ']) {
            return Err(Error::Invalid(format!("{name:?} cannot be an image")));
        }
        let asked = name.to_owned();
        let done = self.change(
            cx,
            &format!("remove image `{name}`"),
            CHANGE,
            |client| async move {
                client
                    .remove_image(&asked, None::<RemoveImageOptions>, None)
                    .await
                    .map(|_| ())
            },
        );
        gone(name, done)
    }
}

fn gone(name: &str, done: Result<(), Error>) -> Result<Gone, Error> {
    match done {
        Ok(()) => Ok(Gone {
            name: name.to_owned(),
            changed: true,
        }),
        Err(Error::NotFound { .. }) => Ok(Gone {
            name: name.to_owned(),
            changed: false,
        }),
        Err(error) => Err(error),
    }
}

fn piece(file: &mut File) -> Option<io::Result<Bytes>> {
    let mut buffer = vec![0; PIECE];
    match file.read(&mut buffer) {
        Ok(0) => None,
        Ok(size) => {
            buffer.truncate(size);
            Some(Ok(buffer.into()))
        }
        Err(error) => Some(Err(error)),
    }
}

fn digest(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; PIECE];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            size => hash.update(&buffer[..size]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
