//! A follow: one reader for each container that runs, and somebody who sees to it.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt as _;
use tokio::task::AbortHandle;

use super::feed::Feeder;
use super::intake::Intake;
use super::markers::told;
use super::pump::pump;
use super::sequence::{End, Note, Sequence};
use super::tail::{Following, Tail, Target};
use super::{Error, Sources};
use crate::docker::{self, Container, LogAsk, LogReader, Step};
use crate::run::{Cx, Stop, handle, held};

/// How often it is looked which containers there are, where no event says that something changed.
const LOOK: Duration = Duration::from_secs(1);
/// How long a record stays open for the lines of a trace.
pub(super) const OPEN: Duration = Duration::from_millis(50);

/// A follow of what a tail is about.
pub(super) struct Live<'a> {
    tail: &'a Tail<'a>,
    shared: Arc<Shared>,
    began: DateTime<Utc>,
    /// What goes on beside, on the shared runtime.
    tasks: Mutex<Vec<AbortHandle>>,
}

/// What its tasks share.
struct Shared {
    intake: Intake,
    reader: LogReader,
    lanes: Mutex<HashMap<String, Following>>,
    /// Something changed: it is to be looked which containers there are.
    changed: AtomicBool,
}

impl Shared {
    fn lanes(&self) -> MutexGuard<'_, HashMap<String, Following>> {
        held(&self.lanes)
    }
}

/// Nothing of it goes on after it.
impl Drop for Live<'_> {
    fn drop(&mut self) {
        for task in held(&self.tasks).drain(..) {
            task.abort();
        }
    }
}

impl<'a> Live<'a> {
    pub(super) fn new(
        tail: &'a Tail<'a>,
        reader: LogReader,
        following: HashMap<String, Following>,
        began: DateTime<Utc>,
    ) -> Self {
        Self {
            tail,
            shared: Arc::new(Shared {
                intake: Intake::default(),
                reader,
                lanes: Mutex::new(following),
                changed: AtomicBool::new(true),
            }),
            began,
            tasks: Mutex::default(),
        }
    }

    /// Reads into `sequence`, until it is enough.
    pub(super) fn run(
        &self,
        cx: &Cx,
        sources: &Sources,
        sequence: &mut Sequence<'_>,
        enough: &dyn Fn() -> Option<End>,
    ) -> Result<End, Error> {
        let beside = cx.cancel().child();
        let watching = cx.with_cancel(beside.clone());
        self.spawn(watch_events(
            self.shared.clone(),
            self.began,
            self.tail.markers,
        ));
        std::thread::scope(|scope| {
            let supervisor = std::thread::Builder::new().name("logs".into());
            let spawned = supervisor.spawn_scoped(scope, || self.supervise(&watching, sources));
            let end = match spawned {
                Ok(_) => pump(cx, &self.shared.intake, sequence, enough),
                Err(error) => Err(Error::Output(error)),
            };
            beside.stop(Stop::Cancelled);
            end
        })
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = held(&self.tasks);
        tasks.retain(|task| !task.is_finished());
        tasks.push(handle().spawn(task).abort_handle());
    }

    /// Sees to it that each container that runs is read.
    fn supervise(&self, cx: &Cx, sources: &Sources) {
        let shared = &self.shared;
        let mut away = false;
        while cx.check().is_ok() {
            shared.changed.store(false, Ordering::Release);
            match self.tail.containers(cx) {
                Ok(all) => {
                    if away {
                        away = false;
                        shared.intake.note(
                            None,
                            Note::new("engine", None, "the engine answers again".into()),
                        );
                        for lane in shared.lanes().values_mut() {
                            lane.again = true;
                        }
                    }
                    for (container, target) in &all {
                        self.see_to(cx, sources, container, target);
                    }
                    // What was removed is never read again.
                    shared.lanes().retain(|id, lane| {
                        lane.reading || all.iter().any(|(container, _)| container.id == *id)
                    });
                }
                Err(Error::Stopped(_)) => return,
                Err(error) if !away => {
                    away = true;
                    shared.intake.note(
                        None,
                        Note::new(
                            "engine",
                            None,
                            format!("{error}; what is written is shown when it answers again"),
                        ),
                    );
                }
                Err(_) => {}
            }
            let seen = Instant::now();
            let _ = cx.poll(Duration::from_millis(20), || {
                (seen.elapsed() >= LOOK || shared.changed.load(Ordering::Acquire)).then_some(())
            });
        }
    }

    fn see_to(&self, cx: &Cx, sources: &Sources, container: &Container, target: &Target) {
        let shared = &self.shared;
        if !shared.lanes().contains_key(&container.id) {
            // What cannot be looked at is looked at again soon.
            let Ok(detail) = self.tail.engine.container(cx, &container.id) else {
                return;
            };
            let state = self.tail.meet(sources, &detail, container, target);
            shared.lanes().insert(container.id.clone(), state);
        }
        let mut lanes = shared.lanes();
        let Some(lane) = lanes.get_mut(&container.id) else {
            return;
        };
        if !lane.reading && (lane.again || container.state == "running") {
            (lane.reading, lane.again) = (true, false);
            let feeder = self.tail.feeder(lane);
            self.spawn(follow(
                shared.clone(),
                container.id.clone(),
                lane.clone(),
                feeder,
            ));
        }
    }
}

/// Reads a container's log as long as it runs, and then once more, for what was written while it ended.
async fn follow(shared: Arc<Shared>, id: String, state: Following, mut feeder: Feeder) {
    let mut mark = state.mark;
    let mut told_gap = false;
    let mut broken = None;
    'both: for follows in [true, false] {
        let mut stream = shared.reader.open(
            &id,
            LogAsk {
                mark,
                since: state.since,
                follow: follows,
                last: !follows,
                times: true,
            },
        );
        loop {
            let wait = if feeder.has_open() { OPEN } else { LOOK };
            let step = stream.step(wait, |line| feeder.line(line)).await;
            if !matches!(step, Ok(Step::More)) {
                feeder.close();
            }
            if !told_gap && stream.has_gap() {
                told_gap = true;
                let text =
                    "lines may be missing here: the log was rotated away since it was read last";
                shared
                    .intake
                    .note(Some(state.number), Note::new("gap", None, text.into()));
            }
            let (entries, filtered) = feeder.take();
            // What is handed on was read, whatever comes.
            mark = stream.mark();
            if let Some(lane) = shared.lanes().get_mut(&id) {
                lane.mark = mark;
            }
            let mut full = shared.intake.push(entries, state.number, filtered);
            while full {
                shared.intake.room().await;
                full = shared.intake.push(Vec::new(), state.number, 0);
            }
            match step {
                Ok(Step::More | Step::Idle) => {}
                Ok(Step::End) => break,
                // Of one that was removed, and of an engine that is away, somebody else tells.
                Err(
                    docker::Error::NotFound { .. }
                    | docker::Error::Unreachable { .. }
                    | docker::Error::Timeout { .. },
                ) => break 'both,
                Err(error) => {
                    broken = Some(error.to_string());
                    break 'both;
                }
            }
        }
    }
    let mut lanes = shared.lanes();
    if let Some(lane) = lanes.get_mut(&id) {
        lane.reading = false;
        // It is tried again; what is wrong is told once.
        if let Some(error) = broken.filter(|_| !std::mem::replace(&mut lane.told, true)) {
            let text = format!("its log cannot be read: {error}");
            let note = Note::new("failed", None, text);
            shared.intake.note(Some(state.number), note);
        }
    }
}

/// Tells what happens to the containers, and that it is to be looked again.
async fn watch_events(shared: Arc<Shared>, began: DateTime<Utc>, markers: bool) {
    let mut since = began;
    let mut seen = VecDeque::new();
    loop {
        let mut events = std::pin::pin!(shared.reader.events(Some(since - TimeDelta::seconds(1))));
        while let Some(Ok(event)) = events.next().await {
            let Some(at) = event.time else { continue };
            let key = (at, event.id.clone(), event.action.clone());
            if event.kind != "container" || at < began || seen.contains(&key) {
                continue;
            }
            since = since.max(at);
            if seen.len() > 256 {
                seen.pop_front();
            }
            seen.push_back(key);
            if matches!(
                event.action.as_str(),
                "start" | "die" | "create" | "destroy" | "rename"
            ) {
                if let Some(lane) = shared.lanes().get_mut(&event.id) {
                    lane.again = true;
                }
                shared.changed.store(true, Ordering::Release);
            }
            let number = shared.lanes().get(&event.id).map(|lane| lane.number);
            if let (true, Some(number), Some(note)) = (markers, number, told(&event)) {
                shared.intake.note(Some(number), note);
            }
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}
