//! What the number means with which a program ended.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

/// The code, or the name of the signal.
pub(super) fn read(status: ExitStatus) -> (Option<i64>, Option<String>) {
    (
        status.code().map(i64::from),
        status.signal().map(|number| {
            signal_name(i64::from(number)).map_or_else(|| format!("signal {number}"), str::to_owned)
        }),
    )
}

/// The usual meaning of an exit code, in a few words. Shells and container engines report a signal as 128 plus
/// its number.
pub fn exit_meaning(code: i64) -> &'static str {
    match code {
        0 => "ended well",
        1 => "failed",
        2 => "failed, or was called wrongly",
        64 => "called wrongly (usage)",
        65 => "bad input data",
        69 => "a service that it needs is unavailable",
        70 => "an error within the program",
        73 => "an output could not be made",
        74 => "input or output failed",
        75 => "failed for now: try again later",
        77 => "not permitted",
        78 => "bad configuration",
        124 => "ran out of time (`timeout`)",
        125 => "the container engine or `timeout` itself failed",
        126 => "found, but not executable",
        127 => "program not found",
        129 => "SIGHUP: its terminal or its parent went away",
        130 => "SIGINT: interrupted (Ctrl-C)",
        131 => "SIGQUIT: told to quit and dump",
        132 => "SIGILL: illegal instruction (built for another processor?)",
        133 => "SIGTRAP: a trap or a panic",
        134 => "SIGABRT: it gave up by itself (an assertion?)",
        135 => "SIGBUS: bad memory access (a file cut while mapped?)",
        136 => "SIGFPE: arithmetic error",
        137 => "SIGKILL: killed (out of memory?)",
        139 => "SIGSEGV: bad memory access, crashed",
        141 => "SIGPIPE: nobody read its output",
        143 => "SIGTERM: told to end",
        152 => "SIGXCPU: used up its processor time",
        153 => "SIGXFSZ: wrote a file beyond its limit",
        255 => "failed (or `ssh` could not connect)",
        128..=192 => "ended by a signal",
        _ => "failed with a code of its own",
    }
}

fn signal_name(number: i64) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_signals() {
        assert_eq!(read(ExitStatus::from_raw(3 << 8)), (Some(3), None));
        assert_eq!(
            read(ExitStatus::from_raw(9)),
            (None, Some("SIGKILL".into()))
        );
        assert_eq!(
            read(ExitStatus::from_raw(40)),
            (None, Some("signal 40".into()))
        );
        for code in [-1, 0, 128, 137, 200, i64::MAX] {
            assert!(!exit_meaning(code).is_empty());
        }
        assert!(exit_meaning(137).contains("SIGKILL"));
    }
}
