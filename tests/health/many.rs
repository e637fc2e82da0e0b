//! Many faults at once: what is wrong is told in full, and the root causes are those that were planted, the worst first.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{TimeDelta, Utc};

use crate::fault::{Fault, wrong};
use crate::monitoring::{BROKEN_RULE, LOKI_TARGET, RULES, SOUND};
use crate::monitoring_faults::{ALERTMANAGER, GRAFANA, LOKI, PROMETHEUS, TRACING, TRAEFIK};
use crate::project::Project;
use crate::security::{GOOD, Removed, import, removed};
use crate::security_faults::named;
use crate::stack::{Asked, docker, env, eventually};
use crate::tls_server::TlsServer;
use crate::{backups, data_faults, models, monitoring, providers};

/// What is planted: each turns a check of its own.
fn planted() -> Vec<&'static Fault> {
    let [critical, _, silence, config, cluster] = &ALERTMANAGER;
    let mut planted = vec![critical, silence, config, cluster];
    planted.extend(
        PROMETHEUS
            .iter()
            .filter(|f| f.name != "prometheus scrapes nothing"),
    );
    planted.extend([
        &data_faults::FULL,
        &data_faults::UNSAVED,
        &data_faults::BLOCKED,
    ]);
    planted.extend([
        &data_faults::NODE,
        &data_faults::DRIVE,
        &data_faults::BROKERLESS,
    ]);
    planted.extend([&LOKI[2], &GRAFANA[1], &TRAEFIK[0], &TRAEFIK[3], &TRACING[0]]);
    planted.extend([&models::DRIFTED, &models::NOT_READY]);
    planted.extend([&models::NO_MODEL, &models::NO_FILE]);
    planted.extend([&providers::REFUSES, &providers::QUOTES[4].1]);
    planted.push(&backups::MISSING);
    planted.extend(
        [
            "no JWT secret",
            "a secret that is missing",
            "a container with a default password",
            "settings that everybody can read",
            "the engine's socket in a container",
            "a port that is open to the world",
            "an expired certificate",
            "an orphan volume",
            "images without a name",
            "a container behind its tag",
            "a full disk",
        ]
        .map(named),
    );
    planted
}

/// Wrong because of something planted, and so no causes: the backlog without a broker, what the service says of itself.
const SYMPTOMS: [&str; 3] = ["ml.readiness_state", "ml.ready", "pulsar.backlog"];

/// Of this machine, not of the project; and the age of images, whose builders date them as they like.
const SKIPPED: &str = "machine,security.firewall,security.listening_ports,security.fail2ban,hygiene.engine,hygiene.old_images";

#[test]
fn many_faults_at_once_are_all_told_and_the_causes_are_the_planted_ones() {
    let planted = planted();
    let expected: BTreeSet<&str> = planted.iter().map(|f| f.check).collect();
    assert_eq!(expected.len(), planted.len(), "each has a check of its own");
    assert!(planted.len() >= 30, "{}", planted.len());

    let mut house = House::new();
    house.stores();
    house.applications();
    house.watchers();
    house.leftovers();
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let refused = free.local_addr().expect("an address");
    drop(free);
    let range = (
        Utc::now() - TimeDelta::days(30),
        Utc::now() - TimeDelta::days(3),
    );
    let tls = TlsServer::start(&["api.example"], range, false);
    let root = house.project.root.path().display().to_string();
    house.project.settings(&format!(
        "[settings.tls]\nendpoints = [{{ address = \"{}\", server_name = \"api.example\", ca = \"{}\" }}]\n\
         [settings.providers.polygon]\nenabled = false\n\
         [settings.providers.feed]\nurl = \"http://{refused}\"\npath = \"/status\"\n\
         [settings.models.files.forecaster]\nglob = \"{root}/models/*.onnx\"\n\
         [settings.backups.nightly]\nglob = \"{root}/backups/*.dump\"\n",
        tls.address,
        tls.ca().display(),
    ));

    let asked = house.eventually(|asked| {
        let causes: BTreeSet<&str> = asked.causes().into_iter().collect();
        let silent = planted.iter().filter(|f| !f.is_of(asked.check(f.check)));
        let silent: Vec<_> = silent.map(|f| asked.check(f.check)).collect();
        let more: Vec<_> = causes.difference(&expected).collect();
        let more: Vec<_> = more.iter().map(|id| asked.check(id)).collect();
        if silent.is_empty() && causes == expected {
            return Ok(());
        }
        Err(format!("not found: {silent:#?}\nnot planted: {more:#?}"))
    });
    println!(
        "{} faults in {} checks, {} ms",
        planted.len(),
        asked.checks().len(),
        asked.wall.as_millis()
    );
    for fault in &planted {
        fault.is_among(&asked);
    }
    assert_eq!((asked.code, asked.causes().len()), (2, planted.len()));

    // Nothing else is wrong but what they explain.
    let known: BTreeSet<&str> = wrong(&asked).into_iter().collect();
    // At its limit Redis makes room for the buffers of whoever looks, now and then: also explained, and not always there.
    let others = known.difference(&expected).copied();
    let others: Vec<&str> = others.filter(|id| *id != "redis.evictions").collect();
    assert_eq!(others, SYMPTOMS, "{:#}", asked.report);
    worst_first(&asked, &planted);

    // For people they stand before everything else.
    let text = house.told();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("unhealthy: "), "{text}");
    assert_eq!(lines[2], "causes", "{text}");
    let causes = lines[3..].iter().take_while(|line| !line.is_empty());
    let causes: BTreeSet<&str> = causes
        .filter_map(|line| {
            line.strip_prefix("  x ")
                .or_else(|| line.strip_prefix("  ! "))
        })
        .filter_map(|line| line.split_once(": ").map(|(id, _)| id))
        .collect();
    assert_eq!(causes, expected, "{text}");
}

/// Bad before degraded; of these critical before major before minor; of these what explains most.
fn worst_first(asked: &Asked, planted: &[&Fault]) {
    let rank = |words: &[&str], word| words.iter().position(|w| *w == word);
    let faults: BTreeMap<&str, &&Fault> = planted.iter().map(|f| (f.check, f)).collect();
    let causes = asked.report["root_causes"].as_array().expect("causes");
    let ranks = causes.iter().map(|cause| {
        let fault = faults[cause["id"].as_str().expect("an id")];
        (
            rank(&["bad", "degraded"], fault.status),
            rank(&["critical", "major", "minor"], fault.severity),
            -cause["explains"].as_i64().expect("a count"),
        )
    });
    let ids = asked.causes();
    assert!(ranks.is_sorted(), "{ids:#?}");
    assert!(ids.contains(&"pulsar.brokers"));
    let explains = |id: &str| {
        let cause = causes.iter().find(|cause| cause["id"] == id);
        cause.map(|cause| cause["explains"].clone())
    };
    assert_eq!(explains("pulsar.brokers"), Some(1.into()), "its backlog");
    assert_eq!(explains("ml.models"), Some(2.into()), "its readiness");
}

/// The project with everything wrong in it.
struct House {
    project: Project,
    password: String,
    file: PathBuf,
    /// Clients of Redis that wait for ever.
    waiting: Vec<TcpStream>,
    /// Goes after the project that uses it.
    left: Vec<Removed>,
}

impl House {
    fn new() -> Self {
        let project = Project::new();
        // Whoever is in the container must get in, as the first one who asks for a folder sees to.
        project.folder("empty");
        let lines = GOOD
            .lines()
            .filter(|l| !l.starts_with("JWT_SECRET=") && !l.starts_with("VAULT_TOKEN="));
        let settings = lines.fold(String::new(), |text, line| text + line + "\n")
            + "GRAFANA_USER=operator\nGRAFANA_PASSWORD=0b1157d4ecd8c2f1a6e7e80678095c9d2ca52a64\n";
        let file = project.root.path().join("stack.env");
        std::fs::write(&file, settings).expect("the stack's settings");
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(&file, open).expect("a mode");
        let password = GOOD.lines().find_map(|l| l.strip_prefix("REDIS_PASSWORD="));
        let password = password.expect("a password").to_owned();
        project.limits(|text| {
            text.replace("warn: 2000000, bad: 5000000", "warn: 10, bad: 100")
                .replace("scrapes\": #{ warn: 3.0", "scrapes\": #{ warn: 0.0")
        });
        Self {
            project,
            password,
            file,
            waiting: Vec::new(),
            left: Vec::new(),
        }
    }

    /// Redis is a real one: full, without a place for its snapshot, with clients that wait. The others are stand-ins.
    fn stores(&mut self) {
        let image = env("REDIS_IMAGE");
        let words = ["--publish", "127.0.0.1::6379", "--read-only"];
        let own = ["--entrypoint", "redis-server", &image];
        let more = ["--bind", "0.0.0.0", "--requirepass", &self.password];
        let full = ["--save", "", "--maxmemory", "8mb"];
        let policy = ["--maxmemory-policy", "allkeys-lru"];
        let all: Vec<&str> = [&words[..], &own, &more, &full, &policy].concat();
        self.project.start("redis", &all);
        for _ in 0..60 {
            let client = self.redis("BLPOP nothing 0");
            self.waiting.push(client);
        }
        let client = self.redis("BGSAVE");
        self.waiting.push(client);
        self.fill(40);

        let project = &mut self.project;
        let image = format!("tradeops/test-many:{}", std::process::id());
        self.left.push(removed(&["rmi", "--force", &image]));
        docker(&["tag", &env("STANDIN_IMAGE"), &image]);
        let socket = ["--volume", "/var/run/docker.sock:/var/run/docker.sock"];
        let open = ["--publish", "0.0.0.0::2112"];
        let password = ["--env", "GF_SECURITY_ADMIN_PASSWORD=admin"];
        let options = [&socket[..], &open, &password].concat();
        project.stand_in_of(&image, "weaviate", 8080, &options);
        project.tell("weaviate", "/node?name=node1&status=UNHEALTHY");
        // The name means another image from now on.
        import(&["-", &image]);
        let full = format!("{}-full", project.name);
        self.left.push(removed(&["volume", "rm", "--force", &full]));
        let words = ["volume", "create", "--label", "com.tradeops.test=health"];
        let size = [
            "--opt",
            "type=tmpfs",
            "--opt",
            "device=tmpfs",
            "--opt",
            "o=size=2m",
        ];
        docker(&[&words[..], &size, &[&full]].concat());
        project.stand_in("minio", 9000, &["--volume", &format!("{full}:/full")]);
        let point = docker(&["volume", "inspect", "-f", "{{.Mountpoint}}", &full]);
        let fill = Path::new(&point).join("fill");
        std::fs::write(fill, vec![0; 1_950_000]).expect("room for most of it");
        project.tell("minio", "/drives?offline=1");
        project.stand_in("pulsar", 8080, &[]);
        project.tell("pulsar", "/nobroker");
        project.tell(
            "pulsar",
            "/backlog?messages=200000&subscription=signal-generator",
        );
    }

    /// A connection to Redis that asks for this and does not wait for the answer.
    fn redis(&self, command: &str) -> TcpStream {
        let port = self.project.port("redis", 6379);
        // The engine's proxy listens before redis does.
        let mut stream = eventually("redis does not let in", || {
            self.let_in(port).map_err(|e| e.to_string())
        });
        write!(stream, "{command}\r\n").expect("redis reads");
        stream
    }

    /// Fills Redis little by little: what one script writes beyond the limit is evicted after it, and more besides.
    fn fill(&self, rounds: usize) {
        static ROUND: AtomicUsize = AtomicUsize::new(0);
        let set = "redis.call('set', KEYS[1] .. i, string.rep('x', 200))";
        let mut client = self.redis("");
        for _ in 0..rounds {
            let round = ROUND.fetch_add(1, Ordering::Relaxed);
            let script = format!("EVAL \"for i = 1, 1000 do {set} end\" 1 k{round}-\r\n");
            client.write_all(script.as_bytes()).expect("redis reads");
            let mut nothing = [0; 5];
            client.read_exact(&mut nothing).expect("redis answers");
            assert_eq!(&nothing, b"$-1\r\n", "{}", nothing.escape_ascii());
        }
    }

    fn let_in(&self, port: u16) -> std::io::Result<TcpStream> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        write!(stream, "AUTH {}\r\n", self.password)?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        assert_eq!(&answer, b"+OK\r\n");
        Ok(stream)
    }

    fn applications(&mut self) {
        let password = format!("REDIS_PASSWORD={}", self.password);
        let redis = ["--env", password.as_str()];
        let project = &mut self.project;
        for (service, port, conduct) in [
            (
                "api",
                8000,
                "/metric?name=model_drift_overall_severity_level&value=3",
            ),
            ("ml", 8001, "/notready?reason=model_loading"),
            ("data-ingestion", 8002, "/quote?answer=zero"),
            ("ollama", 11434, "/models"),
        ] {
            project.stand_in(service, port, &redis);
            project.tell(service, conduct);
        }
    }

    fn watchers(&mut self) {
        let login = [
            "--env",
            "GF_SECURITY_ADMIN_USER=operator",
            "--env",
            "GF_SECURITY_ADMIN_PASSWORD=0b1157d4ecd8c2f1a6e7e80678095c9d2ca52a64",
        ];
        let project = &mut self.project;
        // Peers that are not there, and long pauses between the looks for them.
        let cluster = [
            "--cluster.listen-address=127.0.0.1:9094",
            "--cluster.peer=127.0.0.1:9",
            "--cluster.settle-timeout=10m",
            "--cluster.gossip-interval=1m",
        ];
        monitoring::alertmanager(project, &cluster);
        let wal = project.folder("data").join("wal");
        std::fs::create_dir_all(&wal).expect("a folder");
        std::fs::write(wal.join("00000000"), vec![7; 40_000]).expect("a segment");
        project.folder("data/wal");
        let config = format!("{SOUND}{LOKI_TARGET}").replace("PATH", "/nothing");
        let config = config.replace("alerting:", "# alerting:");
        monitoring::prometheus(project, &config, &format!("{RULES}{BROKEN_RULE}"));
        for (service, port, options, conducts) in [
            ("loki", 3100, &[][..], &["/reject?as=rate_limited"][..]),
            (
                "grafana",
                3000,
                &login,
                &["/datasource?uid=loki&message=dial%20tcp:%20timeout"],
            ),
            (
                "traefik",
                8080,
                &[],
                &[
                    "/router?error=the%20service%20%22x%22%20does%20not%20exist",
                    "/server?name=minio@docker",
                ],
            ),
            ("otel-collector", 4318, &[], &["/status?code=404"]),
        ] {
            project.stand_in(service, port, options);
            for conduct in conducts {
                project.tell(service, conduct);
            }
        }
        monitoring::alert(project, "OrdersStuck", "critical", true);
        monitoring::alert(project, "OrdersSlow", "warning", true);
        monitoring::silence(project, "OrdersSlow", 15);

        // Both run on the configuration before this one.
        let folder = project.folder("alertmanager");
        let broken = "route: {receiver: no such}\n";
        monitoring::write(&folder.join("alertmanager.yml"), broken);
        project.docker(&["kill", "--signal", "HUP"], "alertmanager");
        let targets = ["--only", "presence,prometheus.targets"];
        eventually("prometheus does not scrape", || {
            let asked = project.ask(&targets);
            let found = asked
                .checks()
                .iter()
                .find(|c| c["id"] == "prometheus.targets");
            match found {
                Some(check) if PROMETHEUS[0].is_of(check) => Ok(()),
                other => Err(format!("{other:#?}")),
            }
        });
        let folder = project.folder("prometheus");
        monitoring::write(&folder.join("prometheus.yml"), "scrape_configs: [{}]\n");
        project.docker(&["kill", "--signal", "HUP"], "prometheus");
    }

    /// A volume and images that nobody needs.
    fn leftovers(&mut self) {
        let label = format!("com.docker.compose.project={}", self.project.name);
        let orphan = format!("{}-orphan", self.project.name);
        docker(&["volume", "create", "--label", &label, &orphan]);
        self.left
            .push(removed(&["volume", "rm", "--force", &orphan]));
        for n in 0..5 {
            let labels = format!("LABEL {label} many={n}");
            let id = import(&["--change", &labels, "-"]);
            self.left.push(removed(&["rmi", "--force", &id]));
        }
    }

    /// The flags of health for this project.
    fn flags(&self) -> [&str; 9] {
        [
            "--env-file",
            self.file.to_str().expect("text"),
            "--loki-deep-check",
            "--provider-deep-test",
            "--skip",
            SKIPPED,
            // Of error lines only those of now: what is planted here is logged, too.
            "--since=1s",
            // A machine that tests others at the same time is slow.
            "--timeout",
            "15s",
        ]
    }

    /// Waits until health has found this.
    fn eventually(&self, found: impl Fn(&Asked) -> Result<(), String>) -> Asked {
        eventually("not what was planted", || {
            // Buffers of clients that wait shrink: what they leave free is filled, too.
            self.fill(3);
            let asked = self.project.ask(&self.flags());
            found(&asked).map(|()| asked)
        })
    }

    /// What people are told.
    fn told(&self) -> String {
        self.fill(3);
        let output = self.project.run(&["health"], &self.flags());
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
