//! The order in which things that rest on one another are done: each when all that it waits for have ended, or
//! not at all. Checks and the nodes of `task::graph` go by it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What one thing waits for, by name. Names that are not in the order hold nothing up.
pub(super) struct Waits<'a> {
    pub(super) name: &'a str,
    /// These must have gone well.
    pub(super) needs: Vec<&'a str>,
    /// These must have ended.
    pub(super) after: Vec<&'a str>,
}

/// Why there is no order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoOrder {
    /// Two have this name.
    Twice(String),
    /// These wait for each other, in a circle.
    Circle(Vec<String>),
}

/// The order, and what has come of each so far.
pub(super) struct Order<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    dependents: Vec<Vec<usize>>,
    needs: Vec<Vec<usize>>,
}

struct State<T> {
    ready: VecDeque<usize>,
    /// How many each still waits for.
    open: Vec<usize>,
    ended: Vec<Option<T>>,
    left: usize,
}

impl<T> Order<T> {
    pub(super) fn of(waits: &[Waits<'_>]) -> Result<Self, NoOrder> {
        let mut index = HashMap::new();
        for (n, one) in waits.iter().enumerate() {
            if index.insert(one.name, n).is_some() {
                return Err(NoOrder::Twice(one.name.to_owned()));
            }
        }
        let known = |names: &[&str]| -> Vec<usize> {
            names
                .iter()
                .filter_map(|name| index.get(name).copied())
                .collect()
        };
        let mut dependents = vec![Vec::new(); waits.len()];
        let mut needs = Vec::new();
        let mut open = Vec::new();
        for (n, one) in waits.iter().enumerate() {
            let mut all = known(&one.needs);
            needs.push(all.clone());
            all.extend(known(&one.after));
            all.sort_unstable();
            all.dedup();
            open.push(all.len());
            for on in all {
                dependents[on].push(n);
            }
        }
        if let Some(circle) = circle(&open, &dependents) {
            return Err(NoOrder::Circle(
                circle
                    .into_iter()
                    .map(|n| waits[n].name.to_owned())
                    .collect(),
            ));
        }
        Ok(Self {
            state: Mutex::new(State {
                ready: (0..waits.len()).filter(|n| open[*n] == 0).collect(),
                open,
                ended: waits.iter().map(|_| None).collect(),
                left: waits.len(),
            }),
            changed: Condvar::new(),
            dependents,
            needs,
        })
    }

    /// The next to do; waits while others may free one.
    pub(super) fn next(&self) -> Option<usize> {
        let mut state = self.state();
        loop {
            if let Some(n) = state.ready.pop_front() {
                return Some(n);
            }
            if state.left == 0 {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Notes what came of one, and frees what waited for it. `blocked` is asked of each that is free to go, with what came of
    /// those that it needs: what it gives becomes of it, and it is not done.
    pub(super) fn done(&self, n: usize, came: T, blocked: impl Fn(usize, &[&T]) -> Option<T>) {
        let mut state = self.state();
        let mut ended = vec![(n, came)];
        while let Some((n, came)) = ended.pop() {
            state.ended[n] = Some(came);
            state.left -= 1;
            for &next in &self.dependents[n] {
                state.open[next] -= 1;
                if state.open[next] > 0 {
                    continue;
                }
                let needed: Vec<&T> = self.needs[next]
                    .iter()
                    .filter_map(|need| state.ended[*need].as_ref())
                    .collect();
                match blocked(next, &needed) {
                    Some(came) => ended.push((next, came)),
                    None => state.ready.push_back(next),
                }
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Those that are left, each with what it still waits for.
    pub(super) fn waiting(&self) -> Vec<(usize, Vec<usize>)> {
        let state = self.state();
        let unended = |n: &usize| state.ended[*n].is_none();
        (0..state.open.len())
            .filter(|n| state.open[*n] > 0)
            .map(|n| {
                (
                    n,
                    (0..state.open.len())
                        .filter(|on| self.dependents[*on].contains(&n))
                        .filter(unended)
                        .collect(),
                )
            })
            .collect()
    }

    pub(super) fn into_ended(self) -> Vec<Option<T>> {
        self.state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .ended
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Some that can never begin, because they wait for each other: one circle, in order.
fn circle(open: &[usize], dependents: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut left = open.to_vec();
    let mut ready: Vec<usize> = (0..left.len()).filter(|n| left[*n] == 0).collect();
    while let Some(n) = ready.pop() {
        for &next in &dependents[n] {
            left[next] -= 1;
            if left[next] == 0 {
                ready.push(next);
            }
        }
    }
    let mut at = left.iter().position(|count| *count > 0)?;
    // Back from one to what it waits for, among those that are left, until one comes again.
    let mut path = Vec::new();
    while !path.contains(&at) {
        path.push(at);
        at = (0..left.len()).find(|on| left[*on] > 0 && dependents[*on].contains(&at))?;
    }
    let from = path.iter().position(|n| *n == at)?;
    Some(path[from..].to_vec())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn waits<'a>(name: &'a str, needs: &[&'a str], after: &[&'a str]) -> Waits<'a> {
        Waits {
            name,
            needs: needs.to_vec(),
            after: after.to_vec(),
        }
    }

    #[test]
    fn each_when_it_may_and_blocked_by_what_it_needs() {
        let all = [
            waits("a", &[], &[]),
            waits("b", &["a"], &[]),
            waits("c", &["b"], &["a"]),
            waits("d", &["x"], &["a"]),
        ];
        let order = Order::of(&all).unwrap();
        assert_eq!(order.next(), Some(0));
        assert_eq!(
            order.waiting(),
            [(1, vec![0]), (2, vec![0, 1]), (3, vec![0])]
        );
        let blocked = |_: usize, needed: &[&bool]| needed.iter().any(|ok| !**ok).then_some(false);
        order.done(0, false, blocked);
        assert_eq!(order.next(), Some(3), "it only comes after `a`");
        order.done(3, true, blocked);
        assert_eq!(order.next(), None);
        assert_eq!(
            order.into_ended(),
            [Some(false), Some(false), Some(false), Some(true)]
        );
    }

    #[test]
    fn a_circle_and_a_name_twice_are_told() {
        let all = [
            waits("a", &[], &[]),
            waits("b", &["d"], &[]),
            waits("c", &["b"], &[]),
            waits("d", &[], &["c"]),
        ];
        let found = Order::<()>::of(&all).map(|_| ()).unwrap_err();
        assert_eq!(
            found,
            NoOrder::Circle(vec!["b".into(), "d".into(), "c".into()])
        );
        let twice = Order::<()>::of(&[waits("a", &[], &[]), waits("a", &[], &[])]).map(|_| ());
        assert_eq!(twice.unwrap_err(), NoOrder::Twice("a".into()));
    }
}
