//! Whether a container was killed for want of memory, where its record does not say so.
//!
//! The kernel's word comes to the engine by a way of its own. When it comes after the word of the container's end, the record keeps
//! no trace of it [measured: 126 ms after, on a busy machine], and only an event tells.

use std::time::Duration;

use bollard::Docker;
use chrono::{TimeDelta, Utc};
use futures_util::StreamExt;

use super::ContainerDetail;
use super::events::{Event, EventRange, subscribe};

/// What a program killed by the kernel ends with.
const KILLED: i64 = 137;

/// So long after the end the event may still be on its way.
const LATE: TimeDelta = TimeDelta::milliseconds(400);

/// What is asked of the past comes at once, whatever the engine has to do.
const ANSWER: Duration = Duration::from_secs(3);

/// The same detail, with what an event adds to it. Asks nothing of a container that has no limit, or ended in another way.
pub(super) async fn told(client: &Docker, mut detail: ContainerDetail) -> ContainerDetail {
    let killed = detail.exit_code == Some(KILLED) && !detail.oom_killed;
    if killed && detail.memory_limit_bytes.is_some() {
        let asked = tokio::time::timeout(ANSWER, event_of(client, &detail));
        detail.oom_killed = asked.await.unwrap_or(false);
    }
    detail
}

async fn event_of(client: &Docker, detail: &ContainerDetail) -> bool {
    let now = Utc::now();
    let fresh = detail.finished_at.is_none_or(|end| now - end < LATE);
    let range = EventRange {
        since: detail.started_at,
        until: Some(if fresh { now + LATE } else { now }),
        ..EventRange::default()
    };
    let mut events = std::pin::pin!(subscribe(client, &range));
    while let Some(Ok(message)) = events.next().await {
        let event = Event::from(message);
        if event.action == "oom" && event.id == detail.id {
            return true;
        }
    }
    false
}
