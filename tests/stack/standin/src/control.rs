//! How a stand-in is told to misbehave: a second port, any method, one path for each conduct.
//!
//! | path | effect |
//! |---|---|
//! | `/slow?ms=500` | every answer waits that long |
//! | `/500`, `/status?code=503` | every answer has that status |
//! | `/hang` | accepts, reads, never answers |
//! | `/notready?reason=redis&reason=cache` | readiness says no, for these reasons |
//! | `/unhealthy200` | the health body says `unhealthy`, with status 200 |
//! | `/crash?code=3&times=1000` | exits at once with that code, and again after each of that many restarts |
//! | `/flood?rate=1000&seconds=60` | that many log lines a second |
//! | `/errors?n=10` | that many ERROR lines, once |
//! | `/shed?n=5` | raises the counter of shed requests |
//! | `/metric?name=model_drift_overall_severity_level&value=3` | every series of that metric shows this value |
//! | `/quote?answer=stub` | what the ingestion API makes of a quote: `stub` (its 500), `none`, `stale&age=3600`, `zero`, `invalid`, `other` |
//! | `/models?name=llama3.1:8b` | the models that Ollama has (repeatable; none without a name) |
//! | `/reset` | all of it back to normal |
//! | `/` | what is in force, and how many jobs were accepted |
//!
//! What only one product can be told (Loki to lose lines, Traefik to have a router in error, the ingestion service to
//! store half of what it fetched) stands with that product.
//!
//! `slow`, `500`, `status` and `hang` take `path=/ready` (repeatable): only paths that start so. A 429 comes with
//! a `Retry-After` and the counters of a limit that is used up.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::{Handler, Request, Response};
use crate::log::Log;
use crate::metrics::Metrics;

#[derive(Clone, Debug, Default)]
struct Conduct {
    slow: Option<Scoped<u64>>,
    status: Option<Scoped<u16>>,
    hang: Option<Scoped<()>>,
    not_ready: Option<Vec<String>>,
    unhealthy: bool,
    flood: u64,
    quote: Option<Quote>,
    models: Option<Vec<String>>,
}

/// How a quote is to be answered.
#[derive(Clone, Debug)]
pub(crate) struct Quote {
    pub(crate) answer: String,
    pub(crate) age_seconds: i64,
}

#[derive(Clone, Debug)]
struct Scoped<T> {
    value: T,
    paths: Vec<String>,
}

impl<T: Copy> Scoped<T> {
    fn new(value: T, request: &Request) -> Option<Self> {
        Some(Self {
            value,
            paths: request.query_all("path").map(str::to_owned).collect(),
        })
    }

    fn at(scoped: Option<&Self>, path: &str) -> Option<T> {
        let scoped = scoped?;
        let applies = scoped.paths.is_empty()
            || scoped
                .paths
                .iter()
                .any(|start| path.starts_with(start.as_str()));
        applies.then_some(scoped.value)
    }
}

#[derive(Debug)]
pub(crate) struct Control {
    conduct: Mutex<Conduct>,
    /// Rises with every reset: a request that hangs since an older one is let go.
    era: AtomicU64,
    /// Jobs that were accepted over HTTP, so that a test can see that none was.
    pub(crate) jobs: AtomicU64,
    pub(crate) log: Arc<Log>,
}

impl Control {
    pub(crate) fn new(log: Arc<Log>) -> Self {
        Self {
            conduct: Mutex::default(),
            era: AtomicU64::new(0),
            jobs: AtomicU64::new(0),
            log,
        }
    }

    fn conduct(&self) -> MutexGuard<'_, Conduct> {
        self.conduct.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens to a request before the product sees it.
    pub(crate) fn before(&self, path: &str) -> Option<Response> {
        let conduct = self.conduct().clone();
        let era = self.era.load(Ordering::Relaxed);
        if Scoped::at(conduct.hang.as_ref(), path).is_some() {
            while self.era.load(Ordering::Relaxed) == era {
                std::thread::sleep(Duration::from_millis(100));
            }
            return Some(Response::closed());
        }
        if let Some(ms) = Scoped::at(conduct.slow.as_ref(), path) {
            std::thread::sleep(Duration::from_millis(ms));
        }
        let status = Scoped::at(conduct.status.as_ref(), path)?;
        let response = Response::json(
            status,
            &json!({"detail": "told to fail by the control port"}),
        );
        Some(if status == 429 {
            response
                .with("Retry-After", "30")
                .with("X-RateLimit-Limit", "5")
                .with("X-RateLimit-Remaining", "0")
        } else {
            response
        })
    }

    /// `None` is a good one.
    pub(crate) fn quote(&self) -> Option<Quote> {
        self.conduct().quote.clone()
    }

    /// `None`: those that it always has.
    pub(crate) fn models(&self) -> Option<Vec<String>> {
        self.conduct().models.clone()
    }

    /// Seconds that simulated traffic waits, too.
    pub(crate) fn extra_latency(&self) -> f64 {
        self.conduct()
            .slow
            .as_ref()
            .map_or(0.0, |slow| slow.value as f64 / 1000.0)
    }

    pub(crate) fn forced_status(&self, path: &str) -> Option<u16> {
        Scoped::at(self.conduct().status.as_ref(), path)
    }

    /// `None` is ready.
    pub(crate) fn not_ready(&self) -> Option<Vec<String>> {
        self.conduct().not_ready.clone()
    }

    pub(crate) fn unhealthy(&self) -> bool {
        self.conduct().unhealthy
    }

    /// Left by `/crash` for the process that the engine starts next: code and how many exits are still due.
    fn crash_note() -> PathBuf {
        PathBuf::from(
            std::env::var("STANDIN_CRASH_NOTE").unwrap_or_else(|_| "/standin-crash".to_owned()),
        )
    }

    pub(crate) fn resume_crash_loop(&self) {
        let Ok(note) = std::fs::read_to_string(Self::crash_note()) else {
            return;
        };
        let mut numbers = note
            .split_whitespace()
            .filter_map(|word| word.parse::<i32>().ok());
        if let (Some(code), Some(times)) = (numbers.next(), numbers.next()) {
            self.crash(code, times);
        }
    }

    fn crash(&self, code: i32, times: i32) {
        let note = Self::crash_note();
        let kept = if times > 0 {
            std::fs::write(&note, format!("{code} {}", times - 1))
        } else {
            std::fs::remove_file(&note)
        };
        self.log
            .error("fatal: told to crash", &[("exit_code", &code.to_string())]);
        if let Err(error) = kept {
            self.log.error(
                "the crash will not repeat",
                &[("cause", &error.to_string())],
            );
        }
        std::process::exit(code);
    }

    fn flood(self: &Arc<Self>, rate: u64, seconds: u64) {
        self.conduct().flood = rate;
        let control = Arc::clone(self);
        std::thread::spawn(move || {
            let start = Instant::now();
            let mut written = 0;
            while start.elapsed().as_secs() < seconds && control.conduct().flood == rate {
                let due = (start.elapsed().as_secs_f64() * rate as f64) as u64;
                for line in written..due {
                    control.log.info("flood", &[("line", &line.to_string())]);
                }
                written = due;
                std::thread::sleep(Duration::from_millis(20));
            }
            let mut conduct = control.conduct();
            if conduct.flood == rate {
                conduct.flood = 0;
            }
        });
    }

    fn state(&self) -> Value {
        let conduct = self.conduct().clone();
        json!({
            "service": self.log.service,
            "slow_ms": conduct.slow.map(|slow| slow.value),
            "status": conduct.status.map(|status| status.value),
            "hang": conduct.hang.is_some(),
            "not_ready": conduct.not_ready,
            "unhealthy": conduct.unhealthy,
            "flood": conduct.flood,
            "jobs_accepted": self.jobs.load(Ordering::Relaxed),
        })
    }
}

/// What one product alone can be told. It hears of `/reset`, too.
pub(crate) type Own = Arc<dyn Fn(&Request) -> Told + Send + Sync>;

/// What a product made of a path of its control port.
pub(crate) enum Told {
    /// It is none of its own.
    Unknown,
    /// It goes by it.
    Known,
    /// It was asked something.
    Answer(Response),
}

impl From<bool> for Told {
    fn from(known: bool) -> Self {
        if known { Self::Known } else { Self::Unknown }
    }
}

pub(crate) fn handler(control: &Arc<Control>, metrics: &Arc<Metrics>, own: Own) -> Handler {
    let (control, metrics) = (Arc::clone(control), Arc::clone(metrics));
    Arc::new(move |request| {
        let known = match own(request) {
            Told::Answer(answer) => return answer,
            told => matches!(told, Told::Known),
        };
        match request.path.as_str() {
            "/" => {}
            "/slow" => {
                control.conduct().slow = Scoped::new(
                    u64::try_from(request.number("ms", 1000)).unwrap_or(0),
                    request,
                )
            }
            "/500" => control.conduct().status = Scoped::new(500, request),
            "/status" => {
                let code = u16::try_from(request.number("code", 500)).unwrap_or(500);
                control.conduct().status = Scoped::new(code, request);
            }
            "/hang" => control.conduct().hang = Scoped::new((), request),
            "/notready" => {
                let mut reasons: Vec<String> =
                    request.query_all("reason").map(str::to_owned).collect();
                if reasons.is_empty() {
                    reasons.push("told_by_control_port".to_owned());
                }
                control.conduct().not_ready = Some(reasons);
            }
            "/unhealthy200" => control.conduct().unhealthy = true,
            "/crash" => {
                let narrow = |value: i64| i32::try_from(value).unwrap_or(1);
                let (code, times) = (
                    narrow(request.number("code", 1)),
                    narrow(request.number("times", 1000)),
                );
                let control = Arc::clone(&control);
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(50));
                    control.crash(code, times);
                });
            }
            "/flood" => {
                let number =
                    |name, default| u64::try_from(request.number(name, default)).unwrap_or(0);
                control.flood(
                    number("rate", 1000).min(100_000),
                    number("seconds", 60).min(600),
                );
            }
            "/errors" => {
                for number in 1..=request.number("n", 1).min(100_000) {
                    control
                        .log
                        .error("told to log an error", &[("number", &number.to_string())]);
                }
            }
            "/shed" => metrics.add(
                "app_requests_shed_total",
                &format!(
                    r#"service="{}",reason="concurrency_limit""#,
                    control.log.service
                ),
                request.number("n", 1) as f64,
            ),
            "/metric" => {
                let value = request
                    .query("value")
                    .and_then(|value| value.parse::<f64>().ok());
                match (request.query("name"), value) {
                    (Some(name), Some(value)) => metrics.force(name, value),
                    _ => {
                        return Response::json(
                            400,
                            &json!({"error": "`name` and `value` are wanted"}),
                        );
                    }
                }
            }
            "/quote" => {
                control.conduct().quote = Some(Quote {
                    answer: request.query("answer").unwrap_or("stub").to_owned(),
                    age_seconds: request.number("age", 3600),
                });
            }
            "/models" => {
                control.conduct().models =
                    Some(request.query_all("name").map(str::to_owned).collect());
            }
            "/reset" => {
                metrics.let_go();
                *control.conduct() = Conduct::default();
                control.era.fetch_add(1, Ordering::Relaxed);
                let _ = std::fs::remove_file(Control::crash_note());
            }
            _ if known => {}
            _ => {
                return Response::json(
                    404,
                    &json!({"error": "unknown conduct", "path": request.path}),
                );
            }
        }
        Response::json(200, &control.state())
    })
}
