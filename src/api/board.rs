//! The board of a work of many parts: on a terminal a line for each that goes on and one for what waits, elsewhere a
//! line for each change.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Call, Output, ui};
use crate::gate::Run;

thread_local! {
    /// The part that this thread works on.
    static CURRENT: RefCell<Option<(Arc<Board>, usize)>> = const { RefCell::new(None) };
}

/// What is shown of a work while it goes on.
pub(super) struct Board {
    run: Arc<Run>,
    names: Vec<String>,
    live: Option<Live>,
    /// Nothing is shown.
    quiet: bool,
}

struct Live {
    all: MultiProgress,
    head: ProgressBar,
    bars: Mutex<HashMap<usize, ProgressBar>>,
}

impl Board {
    pub(super) fn new(call: &Call<'_>, names: Vec<String>, title: Option<&str>) -> Arc<Self> {
        let output = *call.run().resources().get_or(|| Output::PLAIN);
        let live = title.filter(|_| output.live).map(|title| {
            let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
            let head = all.add(ProgressBar::new(names.len() as u64));
            head.set_style(style("{prefix} {pos}/{len} {wide_msg} {elapsed}"));
            head.set_prefix(title.to_owned());
            head.enable_steady_tick(Duration::from_millis(200));
            Live {
                all,
                head,
                bars: Mutex::default(),
            }
        });
        Arc::new(Self {
            run: call.run().clone(),
            names,
            live,
            quiet: title.is_none(),
        })
    }

    /// Does one part, so that what is said meanwhile is said of it.
    pub(super) fn during<T>(self: &Arc<Self>, part: usize, work: impl FnOnce() -> T) -> T {
        if let Some(live) = &self.live {
            let bar = live.all.add(ProgressBar::new_spinner());
            bar.set_style(style("  {spinner} {prefix:20} {wide_msg} {elapsed}"));
            bar.set_prefix(self.names[part].clone());
            bar.enable_steady_tick(Duration::from_millis(200));
            live.bars().insert(part, bar);
        }
        let outer = CURRENT.replace(Some((self.clone(), part)));
        let answer = work();
        CURRENT.set(outer);
        answer
    }

    /// Tells what waits for what before anything has ended.
    pub(super) fn begins(&self, waiting: &[(usize, Vec<usize>)]) {
        if let Some(live) = &self.live {
            live.head.set_message(self.waits(waiting));
        }
    }

    /// Tells how a part ended, and what waits for what now.
    pub(super) fn ended(
        &self,
        part: usize,
        how: &str,
        took: Option<Duration>,
        waiting: &[(usize, Vec<usize>)],
    ) {
        let after = took
            .map(|t| format!(" after {:.1} s", t.as_secs_f64()))
            .unwrap_or_default();
        let line = format!("{}: {how}{after}", self.names[part]);
        match &self.live {
            Some(live) => {
                if let Some(bar) = live.bars().remove(&part) {
                    live.all.remove(&bar);
                }
                live.head.inc(1);
                live.head.set_message(self.waits(waiting));
                if how != "done" {
                    let _ = live.all.println(self.run.redactor().text(&line));
                }
            }
            None if self.quiet => {}
            None => ui::tell(&self.run.redactor().text(&line)),
        }
    }

    /// `api waits for migrations; 4 more wait`.
    fn waits(&self, waiting: &[(usize, Vec<usize>)]) -> String {
        let Some((first, on)) = waiting.iter().min_by_key(|(_, on)| on.len()) else {
            return String::new();
        };
        let on: Vec<_> = on.iter().take(3).map(|n| self.names[*n].as_str()).collect();
        let more = match waiting.len() - 1 {
            0 => String::new(),
            1 => "; 1 more waits".to_owned(),
            n => format!("; {n} more wait"),
        };
        format!("{} waits for {}{more}", self.names[*first], on.join(", "))
    }

    fn said(&self, part: usize, text: &str) {
        let text = self.run.redactor().text(text).into_owned();
        match &self.live {
            Some(live) => {
                if let Some(bar) = live.bars().get(&part) {
                    bar.set_message(text);
                }
            }
            None if self.quiet => {}
            None => ui::tell(&format!("{}: {text}", self.names[part])),
        }
    }
}

impl Live {
    fn bars(&self) -> MutexGuard<'_, HashMap<usize, ProgressBar>> {
        self.bars.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Live {
    /// However the work ends, the terminal is as it was.
    fn drop(&mut self) {
        for bar in self.bars().values() {
            bar.finish_and_clear();
        }
        self.head.finish_and_clear();
    }
}

/// Says what goes on: of the part that this thread works on, or by itself.
pub(super) fn say(call: &Call<'_>, text: &str) {
    let current = CURRENT.with_borrow(Clone::clone);
    match current {
        Some((board, part)) => board.said(part, text),
        None => ui::tell(&call.run().redactor().text(text)),
    }
}

/// Milliseconds since `from`.
pub(super) fn ms(from: Instant) -> i64 {
    i64::try_from(from.elapsed().as_millis()).unwrap_or(i64::MAX)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
