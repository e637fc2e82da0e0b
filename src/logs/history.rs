//! What containers wrote so far: read of all of them at once, and merged into one order by the engine's time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use tokio::sync::mpsc;

use super::Error;
use super::feed::{Entry, Feeder};
use super::sequence::{End, Note, Sequence};
use crate::docker::{self, LogFiles, LogStream, Mark, Step};
use crate::run::{Cx, handle};

/// So many records go on their way together.
const GO: usize = 512;
/// So many such batches may be on their way.
const AHEAD: usize = 4;
/// A log that is there comes without pauses.
const WAIT: Duration = Duration::from_secs(600);

/// Records on their way, and how the log ended.
struct Batch {
    entries: Vec<Entry>,
    filtered: u64,
    end: Option<Result<Mark, docker::Error>>,
}

/// A log that is being read.
pub(super) struct Lane {
    pub(super) number: usize,
    batches: Option<mpsc::Receiver<Batch>>,
    heads: VecDeque<Entry>,
    /// How it ended: up to where it was read, or why not.
    pub(super) end: Option<Result<Mark, docker::Error>>,
}

impl Lane {
    /// Reads through the engine, on the shared runtime.
    pub(super) fn through_engine(mut stream: LogStream, number: usize, mut feeder: Feeder) -> Self {
        let (send, batches) = mpsc::channel(AHEAD);
        handle().spawn(async move {
            loop {
                let step = stream.step(WAIT, |line| feeder.line(line)).await;
                let end = match step {
                    Ok(Step::More) if feeder.ready() < GO => continue,
                    Ok(Step::More) => None,
                    Ok(Step::End) => Some(Ok(stream.mark())),
                    Ok(Step::Idle) => Some(Err(docker::Error::Timeout {
                        what: "read the log of a container".into(),
                        limit: WAIT,
                    })),
                    Err(error) => Some(Err(error)),
                };
                if end.is_some() {
                    feeder.close();
                }
                let last = end.is_some();
                let (entries, filtered) = feeder.take();
                if send
                    .send(Batch {
                        entries,
                        filtered,
                        end,
                    })
                    .await
                    .is_err()
                    || last
                {
                    return;
                }
            }
        });
        Self::of(number, batches)
    }

    /// Reads the engine's own files, on a thread.
    pub(super) fn through_files(mut files: LogFiles, number: usize, mut feeder: Feeder) -> Self {
        let (send, batches) = mpsc::channel(AHEAD);
        let body = move || {
            let read = files.read(|line| {
                feeder.line(line);
                if feeder.ready() < GO {
                    return true;
                }
                let (entries, filtered) = feeder.take();
                send.blocking_send(Batch {
                    entries,
                    filtered,
                    end: None,
                })
                .is_ok()
            });
            feeder.close();
            let (entries, filtered) = feeder.take();
            let end = match read {
                Ok(()) => Ok(files.mark()),
                Err(error) => Err(docker::Error::Failed {
                    what: "read the engine's log file".into(),
                    status: None,
                    message: error.to_string(),
                }),
            };
            let _ = send.blocking_send(Batch {
                entries,
                filtered,
                end: Some(end),
            });
        };
        // Without a thread the lane ends at once, as one that died.
        let _ = std::thread::Builder::new().name("log".into()).spawn(body);
        Self::of(number, batches)
    }

    fn of(number: usize, batches: mpsc::Receiver<Batch>) -> Self {
        Self {
            number,
            batches: Some(batches),
            heads: VecDeque::new(),
            end: None,
        }
    }

    /// Waits until there is a record, or the end.
    fn fill(&mut self, cx: &Cx, sequence: &mut Sequence<'_>) -> Result<(), Error> {
        while self.heads.is_empty()
            && let Some(mut batches) = self.batches.take()
        {
            let batch = match batches.try_recv() {
                Ok(batch) => Some(batch),
                Err(mpsc::error::TryRecvError::Disconnected) => None,
                Err(mpsc::error::TryRecvError::Empty) => {
                    let (got, back) = cx.wait(async move {
                        let got = batches.recv().await;
                        (got, batches)
                    })?;
                    batches = back;
                    got
                }
            };
            let Some(batch) = batch else {
                self.end.get_or_insert(Err(docker::Error::Failed {
                    what: "read the log of a container".into(),
                    status: None,
                    message: "the reading broke off".into(),
                }));
                return Ok(());
            };
            self.heads.extend(batch.entries);
            if batch.filtered > 0 {
                sequence.filtered(self.number, batch.filtered);
            }
            match batch.end {
                Some(end) => self.end = Some(end),
                None => self.batches = Some(batches),
            }
        }
        Ok(())
    }
}

/// Merges the lanes and the notes into `sequence`, until all are read or the sequence has enough.
pub(super) fn merge(
    cx: &Cx,
    lanes: &mut [Lane],
    mut notes: VecDeque<(usize, Note)>,
    sequence: &mut Sequence<'_>,
    enough: &dyn Fn() -> Option<End>,
) -> Result<End, Error> {
    let mut order = BinaryHeap::new();
    for (at, lane) in lanes.iter_mut().enumerate() {
        lane.fill(cx, sequence)?;
        order.extend(lane.heads.front().map(|entry| Reverse((entry.time(), at))));
    }
    let mut count = 0_u32;
    while let Some(Reverse((time, at))) = order.pop() {
        while notes
            .front()
            .is_some_and(|(_, note)| note.at.is_some_and(|at| at < time))
            && let Some((source, note)) = notes.pop_front()
        {
            sequence.note(Some(source), &note)?;
        }
        let lane = &mut lanes[at];
        if let Some(entry) = lane.heads.pop_front() {
            sequence.push(entry.kept.record(), entry.judged, None)?;
        }
        if let Some(end) = sequence.ended() {
            return Ok(end);
        }
        if lane.heads.is_empty() {
            lane.fill(cx, sequence)?;
        }
        order.extend(lane.heads.front().map(|entry| Reverse((entry.time(), at))));
        count = count.wrapping_add(1);
        if count.is_multiple_of(1024) {
            cx.check()?;
            if let Some(end) = enough() {
                return Ok(end);
            }
        }
    }
    for (source, note) in notes {
        sequence.note(Some(source), &note)?;
    }
    Ok(End::Done)
}
