//! The logs of containers: what they wrote so far, and then what they write, through restarts, new containers and an
//! engine that goes away and comes back.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::feed::Feeder;
use super::history::{Lane, merge};
use super::live::Live;
use super::markers::told;
use super::sequence::{End, Note, Sequence};
use super::{Error, Query, Source, Sources};
use crate::docker::{
    self, Container, ContainerDetail, Engine, EventRange, Filter, LogAsk, LogReader, Mark,
};
use crate::instant;
use crate::run::Cx;

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
    /// Whether the times of the records are wanted, where nothing else needs them.
    pub times: bool,
    /// Told of each container before its log is read.
    pub found: &'a (dyn Fn(&ContainerDetail) + Sync),
    /// Set when somebody ends it.
    pub interrupted: &'a AtomicBool,
}

/// A container that is read, by its id.
#[derive(Clone)]
pub(super) struct Following {
    pub(super) number: usize,
    pub(super) source: Arc<Source>,
    pub(super) mark: Mark,
    pub(super) since: Option<i64>,
    pub(super) reading: bool,
    /// Whether there may be something new although it does not run.
    pub(super) again: bool,
    /// Whether it was told that it cannot be read.
    pub(super) told: bool,
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
        let (mut following, mut lanes) = self.open(cx, &reader, sources)?;
        let began = cx.now();
        let notes = self.past(cx, &following)?;
        let end = merge(cx, &mut lanes, notes, sequence, &enough)?;
        if end != End::Done {
            return Ok(end);
        }
        self.keep_marks(lanes, &mut following, sequence)?;
        if !self.follow {
            return Ok(End::Done);
        }
        sequence.idle(instant::nanos(cx.now()))?;
        Live::new(self, reader, following, began).run(cx, sources, sequence, &enough)
    }

    /// Begins to read all that there is.
    fn open(
        &self,
        cx: &Cx,
        reader: &LogReader,
        sources: &Sources,
    ) -> Result<(HashMap<String, Following>, Vec<Lane>), Error> {
        let mut following = HashMap::new();
        let mut lanes = Vec::new();
        let containers = self.containers(cx)?;
        // One alone is in order by itself.
        let times = self.times
            || self.follow
            || self.markers
            || self.since.is_some()
            || self.query.until.is_some()
            || containers.len() > 1;
        for (container, target) in containers {
            let detail = match self.engine.container(cx, &container.id) {
                Ok(detail) => detail,
                // Removed since it was listed.
                Err(docker::Error::NotFound { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            let state = self.meet(sources, &detail, &container, target);
            let feeder = self.feeder(&state);
            let files = self
                .direct
                .then(|| self.engine.log_files(&detail, self.since, !self.follow))
                .flatten();
            lanes.push(match files {
                Some(files) => Lane::through_files(files, state.number, feeder),
                None => {
                    let ask = LogAsk {
                        mark: state.mark,
                        since: self.since,
                        follow: false,
                        last: !self.follow,
                        times,
                    };
                    let stream = reader.open(&container.id, ask);
                    Lane::through_engine(stream, state.number, feeder)
                }
            });
            following.insert(container.id, state);
        }
        Ok((following, lanes))
    }

    /// A container that was not known yet.
    pub(super) fn meet(
        &self,
        sources: &Sources,
        detail: &ContainerDetail,
        container: &Container,
        target: &Target,
    ) -> Following {
        (self.found)(detail);
        let (number, source) = sources.add(target.source(container));
        Following {
            number,
            source,
            mark: Mark::default(),
            since: self.since,
            reading: false,
            again: true,
            told: false,
        }
    }

    pub(super) fn feeder(&self, state: &Following) -> Feeder {
        Feeder::new(
            state.number,
            state.source.clone(),
            self.query.clone(),
            self.context,
        )
    }

    /// Remembers up to where each was read; of those that could not be read it is told, and where nothing follows it is an
    /// error.
    fn keep_marks(
        &self,
        lanes: Vec<Lane>,
        following: &mut HashMap<String, Following>,
        sequence: &mut Sequence<'_>,
    ) -> Result<(), Error> {
        let mut broken = None;
        for lane in lanes {
            let state = following.values_mut().find(|s| s.number == lane.number);
            match (lane.end, state) {
                (Some(Ok(mark)), Some(state)) => state.mark = mark,
                (Some(Err(error)), Some(state)) => {
                    let text = format!("its log cannot be read: {error}");
                    sequence.note(Some(state.number), &Note::new("failed", None, text))?;
                    // One that was removed meanwhile is no failure.
                    if !matches!(error, docker::Error::NotFound { .. }) {
                        broken.get_or_insert(error);
                    }
                }
                _ => {}
            }
        }
        match broken {
            Some(error) if !self.follow => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The containers that are meant, with what they are meant by.
    pub(super) fn containers(&self, cx: &Cx) -> Result<Vec<(Container, &Target)>, Error> {
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
}
