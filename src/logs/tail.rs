//! The logs of containers: what they wrote so far, and then what they write, through restarts, new containers and an
//! engine that goes away and comes back.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt as _;

use super::feed::Feeder;
use super::history::{Lane, merge};
use super::intake::Intake;
use super::markers::told;
use super::pump::pump;
use super::sequence::{End, Note, Sequence};
use super::{Error, Query, Source, Sources};
use crate::docker::{
    self, Container, ContainerDetail, Engine, EventRange, Filter, LogReader, Mark, Step,
};
use crate::instant;
use crate::run::{Cx, Stop, handle};

/// How often it is looked which containers there are, where no event says that something changed.
const LOOK: Duration = Duration::from_secs(1);
/// How long a record stays open for the lines of a trace.
pub(super) const OPEN: Duration = Duration::from_millis(50);

/// Whose logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What is shown before its lines.
    pub shown: String,
    /// Which containers it is.
    pub pick: Pick,
}

/// Which containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    /// Those of a compose service, `compose run` not counted.
    Service {
        /// The compose project.
        project: String,
        /// The compose service.
        service: String,
    },
    /// The one of this name.
    Name(String),
}

impl Target {
    fn is(&self, container: &Container) -> bool {
        match &self.pick {
            Pick::Service { project, service } => {
                container.project.as_ref() == Some(project)
                    && container.service.as_ref() == Some(service)
                    && !container.is_one_off()
            }
            Pick::Name(name) => container.name == *name,
        }
    }

    /// The name that is shown: of the second container of a service with its number.
    fn source(&self, container: &Container) -> Source {
        match (&self.pick, container.number()) {
            (Pick::Service { .. }, Some(number)) if number > 1 => {
                Source::container(&format!("{}-{number}", self.shown), &container.name)
            }
            _ => Source::container(&self.shown, &container.name),
        }
    }
}

/// A reading of containers' logs.
pub struct Tail<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// Whose logs.
    pub targets: &'a [Target],
    /// What is wanted.
    pub query: Arc<Query>,
    /// From this instant on.
    pub since: Option<i64>,
    /// Whether records that are not wanted are handed on too, for those beside them.
    pub context: bool,
    /// Whether it goes on with what is written from now on.
    pub follow: bool,
    /// Ends it after so long.
    pub within: Option<Duration>,
    /// Whether starts, ends and changes of health are told.
    pub markers: bool,
    /// Whether the engine's own files are read where that is possible.
    pub direct: bool,
    /// Told of each container before its log is read.
    pub found: &'a (dyn Fn(&ContainerDetail) + Sync),
    /// Set when somebody ends it.
    pub interrupted: &'a AtomicBool,
}

/// What the readers of a follow share.
struct Shared {
    intake: Intake,
    reader: LogReader,
    query: Arc<Query>,
    context: bool,
    lanes: Mutex<HashMap<String, Following>>,
    /// Something changed: it is to be looked which containers there are.
    changed: AtomicBool,
}

/// A container that is followed, by its id.
#[derive(Clone)]
struct Following {
    number: usize,
    source: Arc<Source>,
    mark: Mark,
    since: Option<i64>,
    reading: bool,
    /// Whether there may be something new although it does not run.
    again: bool,
}

impl Shared {
    fn lanes(&self) -> MutexGuard<'_, HashMap<String, Following>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tail<'_> {
    /// Reads into `sequence`.
    pub fn run(
        &self,
        cx: &Cx,
        sources: &Sources,
        sequence: &mut Sequence<'_>,
    ) -> Result<End, Error> {
        let until = self
            .within
            .and_then(|within| Instant::now().checked_add(within));
        let enough = || {
            if self.interrupted.load(Ordering::Acquire) {
                Some(End::Interrupted)
            } else {
                until
                    .filter(|until| Instant::now() >= *until)
                    .map(|_| End::Time)
            }
        };
        let reader = self.engine.log_reader(cx)?;
        let mut following = HashMap::new();
        let mut lanes = Vec::new();
        for (container, target) in self.containers(cx)? {
            let detail = self.engine.container(cx, &container.id)?;
            (self.found)(&detail);
            let number = sources.add(target.source(&container));
            let source = sources.all()[number].clone();
            let feeder = Feeder::new(number, source.clone(), self.query.clone(), self.context);
            let files = self
                .direct
                .then(|| self.engine.log_files(&detail, self.since, !self.follow))
                .flatten();
            let lane = match files {
                Some(files) => Lane::through_files(files, number, feeder),
                None => Lane::through_engine(
                    &reader,
                    &container.id,
                    self.since,
                    !self.follow,
                    number,
                    feeder,
                ),
            };
            lanes.push((container.id.clone(), lane));
            let state = Following {
                number,
                source,
                mark: Mark::default(),
                since: self.since,
                reading: false,
                again: true,
            };
            following.insert(container.id, state);
        }
        let began = cx.now();
        let notes = self.past(cx, &following)?;
        let (ids, mut lanes): (Vec<_>, Vec<_>) = lanes.into_iter().unzip();
        let end = merge(cx, &mut lanes, notes, sequence, &enough)?;
        if end != End::Done {
            return Ok(end);
        }
        let mut broken = None;
        for (id, lane) in ids.into_iter().zip(lanes) {
            let Some(state) = following.get_mut(&id) else {
                continue;
            };
            match lane.end {
                Some(Ok(mark)) => state.mark = mark,
                Some(Err(error)) => {
                    let text = format!("its log cannot be read: {error}");
                    sequence.note(Some(state.number), &Note::new("failed", None, text))?;
                    // One that was removed meanwhile is no failure.
                    if !matches!(error, docker::Error::NotFound { .. }) {
                        broken.get_or_insert(error);
                    }
                }
                None => {}
            }
        }
        if let (Some(error), false) = (broken, self.follow) {
            return Err(error.into());
        }
        if !self.follow {
            return Ok(End::Done);
        }
        sequence.idle(instant::nanos(cx.now()))?;
        self.live(cx, reader, following, began, sources, sequence, &enough)
    }

    /// The containers that are meant, with what they are meant by.
    fn containers(&self, cx: &Cx) -> Result<Vec<(Container, &Target)>, Error> {
        let all = Filter {
            all: true,
            ..Filter::default()
        };
        let all = self.engine.containers(cx, &all)?;
        Ok(all
            .into_iter()
            .filter_map(|c| {
                self.targets
                    .iter()
                    .find(|target| target.is(&c))
                    .map(|target| (c, target))
            })
            .collect())
    }

    /// What happened to the containers since `since`, as far as the engine remembers.
    fn past(
        &self,
        cx: &Cx,
        following: &HashMap<String, Following>,
    ) -> Result<VecDeque<(usize, Note)>, Error> {
        if !self.markers {
            return Ok(VecDeque::new());
        }
        let range = EventRange {
            since: self.since.map(instant::instant),
            kind: Some("container".into()),
            ..EventRange::default()
        };
        let past = self.engine.events(cx, &range)?;
        let note = |event| {
            let note = told(event)?;
            Some((following.get(&event.id)?.number, note))
        };
        Ok(past.events.iter().filter_map(note).collect())
    }

    #[expect(clippy::too_many_arguments, reason = "the two halves of one reading")]
    fn live(
        &self,
        cx: &Cx,
        reader: LogReader,
        following: HashMap<String, Following>,
        began: DateTime<Utc>,
        sources: &Sources,
        sequence: &mut Sequence<'_>,
        enough: &dyn Fn() -> Option<End>,
    ) -> Result<End, Error> {
        let shared = Arc::new(Shared {
            intake: Intake::default(),
            reader,
            query: self.query.clone(),
            context: self.context,
            lanes: Mutex::new(following),
            changed: AtomicBool::new(true),
        });
        // Everything that goes on beside this ends with it.
        let beside = cx.cancel().child();
        let watching = cx.with_cancel(beside.clone());
        let events = handle().spawn(watch_events(shared.clone(), began, self.markers));
        let end = std::thread::scope(|scope| {
            let supervisor = std::thread::Builder::new().name("logs".into());
            let (for_thread, watching) = (shared.clone(), &watching);
            let spawned = supervisor.spawn_scoped(scope, move || {
                self.supervise(watching, &for_thread, sources)
            });
            let end = match spawned {
                Ok(_) => pump(cx, &shared.intake, sequence, enough),
                Err(error) => Err(Error::Output(error)),
            };
            beside.stop(Stop::Cancelled);
            end
        });
        events.abort();
        end
    }

    /// Sees to it that each container that runs is read.
    fn supervise(&self, cx: &Cx, shared: &Arc<Shared>, sources: &Sources) {
        let mut away = false;
        while cx.check().is_ok() {
            shared.changed.store(false, Ordering::Release);
            match self.containers(cx) {
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
                    for (container, target) in all {
                        self.see_to(cx, shared, sources, &container, target);
                    }
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

    fn see_to(
        &self,
        cx: &Cx,
        shared: &Arc<Shared>,
        sources: &Sources,
        container: &Container,
        target: &Target,
    ) {
        let known = shared.lanes().contains_key(&container.id);
        if !known {
            if let Ok(detail) = self.engine.container(cx, &container.id) {
                (self.found)(&detail);
            }
            let number = sources.add(target.source(container));
            let state = Following {
                number,
                source: sources.all()[number].clone(),
                mark: Mark::default(),
                since: self.since,
                reading: false,
                again: true,
            };
            shared.lanes().insert(container.id.clone(), state);
        }
        let mut lanes = shared.lanes();
        let Some(lane) = lanes.get_mut(&container.id) else {
            return;
        };
        if !lane.reading && (lane.again || container.state == "running") {
            (lane.reading, lane.again) = (true, false);
            handle().spawn(follow(shared.clone(), container.id.clone(), lane.clone()));
        }
    }
}

/// Reads a container's log as long as it runs, and then once more, for what was written while it ended.
async fn follow(shared: Arc<Shared>, id: String, state: Following) {
    let mut feeder = Feeder::new(
        state.number,
        state.source.clone(),
        shared.query.clone(),
        shared.context,
    );
    let mut mark = state.mark;
    let mut told_gap = false;
    'both: for follows in [true, false] {
        let mut stream = shared
            .reader
            .open(&id, mark, state.since, follows, !follows);
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
                Err(_) => break 'both,
            }
        }
    }
    if let Some(lane) = shared.lanes().get_mut(&id) {
        lane.reading = false;
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
