//! Containers that write lines, and write them into a file of the test too: what a reader must show, line for line.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::{Run, World, until};

/// The containers of one test, removed with this.
pub(crate) struct Writers {
    /// The label's value, and the compose project.
    pub(crate) unique: String,
    image: String,
    /// Of another engine than this machine's.
    host: Option<String>,
    folder: tempfile::TempDir,
}

/// Writes `LINES` lines, each into the file first, then rests until it is told to end. Between the two nothing ends it.
const PROGRAM: &str = r#"trap 'stop=1' TERM
run=$(cat /out/$NAME.run 2>/dev/null || echo 0); run=$((run + 1)); echo $run > /out/$NAME.run
i=0
while [ -z "$stop" ] && [ $i -lt $LINES ]; do
  i=$((i + 1))
  echo "$NAME run $run line $i" >> /out/$NAME
  echo "$NAME run $run line $i"
  [ $((i % 40)) = 0 ] && sleep ${PAUSE:-0.01}
done
while [ -z "$stop" ]; do sleep 0.05; done"#;

impl Writers {
    pub(crate) fn new() -> Self {
        let Ok(image) = std::env::var("REDIS_IMAGE") else {
            panic!("REDIS_IMAGE is not set: `make test` builds the images and sets it");
        };
        Self::on(None, image)
    }

    /// On the engine at `host`, which has `image`.
    pub(crate) fn on(host: Option<String>, image: String) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let unique = format!(
            "tl-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        Self {
            unique,
            image,
            host,
            folder: tempfile::Builder::new().prefix("ttl-").tempdir().unwrap(),
        }
    }

    pub(crate) fn name(&self, part: &str) -> String {
        format!("{}-{part}", self.unique)
    }

    /// The `docker` command.
    pub(crate) fn docker(&self, args: &[&str]) -> String {
        let mut command = Command::new("docker");
        if let Some(host) = &self.host {
            command.env("DOCKER_HOST", host);
        }
        let output = command.args(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "docker {args:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A container that runs a shell line, as the `number`th of a compose service; `more`: options of `docker run`.
    pub(crate) fn run(
        &self,
        part: &str,
        service: &str,
        number: u32,
        more: &[&str],
        line: &str,
    ) -> String {
        let name = self.name(part);
        let label = format!("com.tradeops.test={}", self.unique);
        let project = format!("com.docker.compose.project={}", self.unique);
        let service = format!("com.docker.compose.service={service}");
        let number = format!("com.docker.compose.container-number={number}");
        let mount = format!("{}:/out", self.folder.path().display());
        let mut args = vec![
            "run",
            "--detach",
            "--name",
            &name,
            "--network",
            "none",
            "--volume",
            &mount,
        ];
        for label in [&label, &project, &service, &number] {
            args.extend(["--label", label]);
        }
        args.extend(more);
        args.extend(["--entrypoint", "sh", &self.image, "-c", line]);
        self.docker(&args);
        name
    }

    /// A container that writes so many lines each time it runs.
    pub(crate) fn write(
        &self,
        part: &str,
        service: &str,
        number: u32,
        lines: u32,
        more: &[&str],
    ) -> String {
        let own = format!("NAME={}", self.name(part));
        let lines = format!("LINES={lines}");
        let mut options = vec!["--env", own.as_str(), "--env", lines.as_str()];
        options.extend(more);
        self.run(part, service, number, &options, PROGRAM)
    }

    /// What a container wrote so far.
    pub(crate) fn written(&self, name: &str) -> Vec<String> {
        lines(&self.folder.path().join(name))
    }

    /// `tradeops logs` with all that this project's containers ever wrote.
    pub(crate) fn logs(&self, world: &World, args: &[&str]) -> Run {
        let mut all = vec!["logs", "--since", "all", "--project", &self.unique];
        all.extend(args);
        world.tradeops(&all)
    }

    /// Waits until a container wrote so many lines.
    pub(crate) fn wait(&self, name: &str, count: usize) {
        until("the lines", || self.written(name).len() >= count);
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        let filter = format!("label=com.tradeops.test={}", self.unique);
        let mut list = Command::new("docker");
        let mut remove = Command::new("docker");
        if let Some(host) = &self.host {
            list.env("DOCKER_HOST", host);
            remove.env("DOCKER_HOST", host);
        }
        let Ok(output) = list
            .args(["ps", "--all", "--quiet", "--filter", &filter])
            .output()
        else {
            return;
        };
        let ids = String::from_utf8_lossy(&output.stdout).into_owned();
        let _ = remove
            .args(["rm", "--force", "--volumes"])
            .args(ids.split_whitespace())
            .output();
    }
}

/// The whole lines of a file; none when there is no file.
pub(crate) fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(str::to_owned).collect()
}
