//! What happened to a container, in words that stand in the stream where it happened.

use super::sequence::Note;
use crate::docker::Event;
use crate::instant::nanos;

/// The note of an event; `None` for those that say nothing to whoever reads logs.
pub(super) fn told(event: &Event) -> Option<Note> {
    let at = event.time.map(nanos);
    let note = |kind, text: &str| Note::new(kind, at, text.to_owned());
    Some(match event.action.as_str() {
        "start" => note("started", "started"),
        "die" => {
            let code = event.exit_code.unwrap_or(-1);
            note("ended", &format!("ended with exit code {code}")).with("exit_code", code)
        }
        "oom" => note("oom", "was killed for want of memory"),
        "pause" => note("paused", "paused"),
        "unpause" => note("resumed", "goes on"),
        "destroy" => note("removed", "removed"),
        "health_status" => {
            let health = event.detail.as_deref().unwrap_or("unknown");
            note("health", &format!("is {health}")).with("health", health)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(action: &str, detail: Option<&str>, exit_code: Option<i64>) -> Event {
        Event {
            time: None,
            kind: "container".into(),
            action: action.into(),
            detail: detail.map(Into::into),
            id: "a".into(),
            name: "api".into(),
            service: None,
            project: None,
            exit_code,
            signal: None,
            attributes: Default::default(),
        }
    }

    #[test]
    fn events_in_words() {
        for (event, expected) in [
            (
                event("die", None, Some(137)),
                Some("ended with exit code 137"),
            ),
            (
                event("health_status", Some("unhealthy"), None),
                Some("is unhealthy"),
            ),
            (
                event("oom", None, None),
                Some("was killed for want of memory"),
            ),
            (event("attach", None, None), None),
        ] {
            assert_eq!(told(&event).map(|note| note.text).as_deref(), expected);
        }
    }
}
