//! Where the options report goes when nobody names a folder: into that of this machine that the ingestion service's container has
//! as its own, by real mounts of real containers.

use std::path::{Path, PathBuf};
use std::process::Command;

use chrono::Utc;
use serde_json::Value;

use crate::api::answering;
use crate::docker_fixture::{Fixture, Guard, Spec};
use crate::operator::{Operator, ended};
use crate::support::Done;

/// The folder in the container, where the service was told nothing else.
const INSIDE: &str = "/app/export/grafana-csv";

const ANSWER: &str = r#"{"underlying": "MSFT", "rows": 9, "contracts": 3, "first_day": "2026-10-29", "last_day": "2026-11-27"}"#;

/// A project of one container, and who asks for its report.
struct Service {
    fixture: Fixture,
    operator: Operator,
    api: String,
}

impl Service {
    fn new() -> Self {
        // One that is here would be taken as it is.
        assert!(
            !Path::new(INSIDE).exists(),
            "{INSIDE} is a folder of this machine"
        );
        Self {
            fixture: Fixture::new(),
            operator: Operator::new(9),
            api: answering(ANSWER),
        }
    }

    /// A folder of this machine.
    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.operator.world.path(name);
        std::fs::create_dir_all(&folder).unwrap_or_else(|e| panic!("{e}"));
        folder
    }

    /// The ingestion service with these mounts, and more of what it was told.
    fn container(&self, mounts: &[(&str, &str)], told: &[&str], idle: bool) -> Guard {
        let binds: Vec<String> = mounts
            .iter()
            .map(|(from, to)| format!("{from}:{to}"))
            .collect();
        let mut env = vec![
            "OPTIONS_COVERAGE_UNDERLYINGS=MSFT,AAPL",
            "OPTIONS_COVERAGE_MAX_UNDERLYINGS=1",
        ];
        env.extend(told);
        let project = self.fixture.unique.clone();
        self.fixture.container(
            "data-ingestion",
            &Spec {
                argv: &["sleep", "600"],
                env: &env,
                labels: &[
                    ("com.docker.compose.project", &project),
                    ("com.docker.compose.service", "data-ingestion"),
                ],
                binds: &binds,
                idle,
                ..Spec::default()
            },
        )
    }

    fn report(&self, code: i32) -> Done {
        let args = [
            "-o",
            "json",
            "--project",
            &self.fixture.unique,
            "--options-report",
            "--api-url",
            &self.api,
        ];
        ended(self.operator.call(&args), &args, code)
    }

    /// The report is in a folder of this machine, under both names, and is said to be there; what it is.
    fn written(&self, folder: &Path) -> String {
        let said = self.report(0).json();
        let day = Utc::now().format("%Y%m%d");
        let names = [
            "options_coverage.json".into(),
            format!("options_coverage_{day}.json"),
        ];
        let files = names.map(|name| folder.join(name));
        let texts = files.each_ref().map(|file| {
            std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
        });
        assert_eq!(texts[0], texts[1]);
        assert_eq!(
            said["files"],
            serde_json::json!(files.each_ref().map(|f| f.display().to_string()))
        );
        let report: Value = serde_json::from_str(&texts[0]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(report["schema"], "tradeops.options_coverage/1");
        assert_eq!(report["coverage"].as_array().map(Vec::len), Some(1));
        assert_eq!(report["coverage"][0]["underlying"], "MSFT");
        let [text, _] = texts;
        text
    }

    /// It is said why nothing is written.
    fn refused(&self, why: &str) {
        let done = self.report(73);
        assert!(done.err.contains(why), "{why:?} is not in {:?}", done.err);
        assert!(done.err.contains("--output-dir"), "{}", done.err);
        assert!(!Path::new(INSIDE).exists());
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{e}"));
    entries.flatten().map(|entry| entry.path()).collect()
}

/// What the service itself has there.
fn read_inside(container: &Guard, path: &str) -> String {
    let output = Command::new("docker")
        .args(["exec", &container.name, "cat", path])
        .output()
        .expect("`docker` runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_else(|| panic!("{path:?}"))
}

#[test]
fn its_folder_is_mounted() {
    let service = Service::new();
    let csv = service.folder("csv");
    let container = service.container(&[(text(&csv), INSIDE)], &[], false);
    let written = service.written(&csv);
    let inside = read_inside(&container, &format!("{INSIDE}/options_coverage.json"));
    assert_eq!(inside, written);
}

#[test]
fn the_service_was_told_of_another_one() {
    let service = Service::new();
    let csv = service.folder("csv");
    // With a slash at its end, as people write folders; one of which the other's name is a beginning is another.
    let mounts = [
        (text(&service.folder("wrong")), "/app/out"),
        (text(&csv), "/app/output"),
    ]
    .map(|(from, to)| (from.to_owned(), to));
    let mounts = mounts.each_ref().map(|(from, to)| (from.as_str(), *to));
    let told = ["OPTIONS_COVERAGE_OUTPUT_DIR=/app/output/"];
    let _container = service.container(&mounts, &told, false);
    service.written(&csv);
    assert!(files(&service.folder("wrong")).is_empty());
}

#[test]
fn a_folder_above_it_is_mounted() {
    let service = Service::new();
    let export = service.folder("export");
    // A service that does not run has its mounts, too.
    let _container = service.container(&[(text(&export), "/app/export")], &[], true);
    let csv = export.join("grafana-csv");
    service.refused(&format!(
        "is {} on this machine, which does not exist",
        csv.display()
    ));
    assert!(files(&export).is_empty());
    service.written(&service.folder("export/grafana-csv"));
    // Something is in the way.
    for file in files(&csv) {
        std::fs::remove_file(file).unwrap_or_else(|e| panic!("{e}"));
    }
    service.folder("export/grafana-csv/options_coverage.json");
    let done = service.report(73);
    assert!(done.err.contains("options_coverage.json"), "{}", done.err);
}

/// As the stack has it: the folder above is mounted as well, and hides nothing of it.
#[test]
fn of_two_mounts_the_deepest_holds() {
    let service = Service::new();
    let (export, csv) = (service.folder("export"), service.folder("csv"));
    let mounts = [(text(&export), "/app/export"), (text(&csv), INSIDE)];
    let container = service.container(&mounts, &[], false);
    let written = service.written(&csv);
    let inside = read_inside(&container, &format!("{INSIDE}/options_coverage.json"));
    assert_eq!(inside, written);
    // The engine made it to mount the other on; nothing is in it.
    assert!(files(&export.join("grafana-csv")).is_empty());
}

#[test]
fn a_volume_is_no_folder_of_this_machine() {
    let service = Service::new();
    let volume = service.fixture.volume("csv");
    let export = service.folder("export");
    let why = format!("{INSIDE} is in the volume {}", volume.name);
    let alone = service.container(&[(&volume.name, INSIDE)], &[], false);
    service.refused(&why);
    drop(alone);
    // Nor does it become one by a folder above that is.
    let mounts = [(text(&export), "/app/export"), (&*volume.name, INSIDE)];
    let _container = service.container(&mounts, &[], false);
    service.refused(&why);
    assert!(files(&export.join("grafana-csv")).is_empty());
}

#[test]
fn without_a_mount_there_is_no_place() {
    let service = Service::new();
    let csv = service.folder("csv");
    let no_mount = "data-ingestion of project";
    // Nobody is there, then one whose mounts are others.
    service.refused(no_mount);
    let _container = service.container(&[(text(&csv), "/app/other")], &[], false);
    service.refused(no_mount);
    assert!(files(&csv).is_empty());
    // A folder that is named and not there.
    let args = [
        "--project",
        &service.fixture.unique,
        "--options-report",
        "--output-dir",
        "no/such",
    ];
    let done = ended(service.operator.call(&args), &args, 73);
    assert!(done.err.contains("no/such"), "{}", done.err);
}

/// Nothing was started yet: the compose file says what will be mounted.
#[test]
fn before_there_is_a_container_the_file_tells() {
    let service = Service::new();
    service.operator.world.file(
        "docker-compose.yml",
        "services:\n  data-ingestion:\n    image: none\n    volumes:\n      - ./export:/app/export\n      - ./csv:/app/export/grafana-csv\n      - held:/app/held\nvolumes:\n  held:\n",
    );
    let csv = service.folder("csv");
    let report = |dir: Option<&str>, code| {
        let mut args = vec![
            "-o",
            "json",
            "--project",
            &service.fixture.unique,
            "--options-report",
            "--underlyings",
            "MSFT",
            "--api-url",
            &service.api,
        ];
        args.extend(dir.into_iter().flat_map(|dir| ["--output-dir", dir]));
        ended(service.operator.call(&args), &args, code)
    };
    report(None, 0);
    assert_eq!(files(&csv).len(), 2);
    let done = report(Some("/app/held/csv"), 73);
    let volume = format!("in the volume {}_held", service.fixture.unique);
    assert!(done.err.contains(&volume), "{}", done.err);
}
