//! Every example of every primitive runs, as it stands in the reference, on the small stack.
//!
//! Nothing here names a primitive or a namespace that has to be kept up to date: a new one is taken in by being in
//! `NAMESPACES`. Its example is written for a reader (names `trading-...`, the products' own ports, no logins), and
//! `stack` puts in what this machine has instead.
//!
//! An example that changes something is planned first, and then done for real where what it changes is the test's
//! own: a container of its own, a file below its own folder, a table that the example itself makes and drops.

#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "../support/docker_fixture.rs"]
mod docker_fixture;
#[path = "../support/setting.rs"]
mod setting;
mod stack;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use stack::Stack;
use support::{Done, World};
use tradeops::api::{NAMESPACES, Primitive};
use tradeops::gate::Access;

/// Namespaces whose changes hit nothing but what the example made or `stack` put under it. The changes of all others
/// are planned and not done: other tests work on the same stack.
const REAL_CHANGES: &[&str] = &[
    "docker", "fs", "http", "lock", "postgres", "proc", "questdb",
];

/// A primitive and its full name.
struct Named {
    namespace: &'static str,
    name: String,
    primitive: &'static Primitive,
}

impl Named {
    fn acts(&self) -> bool {
        self.primitive.access.acts() || self.primitive.access_of.is_some()
    }

    /// What a run has to have used when it really called this one; `None` where that leaves no trace.
    fn capability(&self) -> Option<String> {
        let access = self.primitive.access;
        (access.acts() || access == Access::Read).then(|| {
            self.primitive
                .capability
                .map_or_else(|| format!("{}.{access}", self.namespace), str::to_owned)
        })
    }

    fn is_in(&self, example: &str) -> bool {
        example.contains(&format!("{}(", self.name))
    }
}

fn primitives() -> Vec<Named> {
    let all = NAMESPACES.iter().flat_map(|namespace| {
        namespace.primitives.iter().map(|primitive| Named {
            namespace: namespace.name,
            name: format!("{}::{}", namespace.name, primitive.name),
            primitive,
        })
    });
    all.collect()
}

/// A header that asks for everything that any primitive needs.
fn header(all: &[Named]) -> String {
    let mut needs: Vec<_> = all
        .iter()
        .flat_map(|one| {
            // What is a change with one method is a read with another.
            let read = one
                .primitive
                .access_of
                .map(|_| format!("{}.read", one.namespace));
            one.capability().into_iter().chain(read)
        })
        .collect();
    needs.sort();
    needs.dedup();
    format!(
        "//! An example of the reference.\n//! needs: {}\n",
        needs.join(", ")
    )
}

#[test]
fn every_example_runs() {
    let stack = Stack::here();
    let all = primitives();
    let header = header(&all);
    let (next, faults, runs) = (
        AtomicUsize::new(0),
        Mutex::new(Vec::new()),
        AtomicUsize::new(0),
    );
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match run(one, &all, &header, &stack) {
                        Ok(()) => {
                            runs.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(why) => faults.lock().unwrap().push(format!("{}: {why}", one.name)),
                    }
                }
            });
        }
    });
    let mut faults = faults.into_inner().unwrap();
    faults.sort();
    assert!(
        faults.is_empty(),
        "{} of {} examples fail\n\n{}",
        faults.len(),
        all.len(),
        faults.join("\n\n")
    );
    assert_eq!(
        runs.into_inner(),
        all.len(),
        "an example was neither run nor did it fail"
    );
}

/// Plans an example when it changes something, and runs it unless its changes would hit what is not its own.
fn run(one: &Named, all: &[Named], header: &str, stack: &Stack) -> Result<(), String> {
    let example = one.primitive.example;
    if !one.is_in(example) {
        return Err(format!("its example does not call it\n{example}"));
    }
    let changes: Vec<_> = all
        .iter()
        .filter(|other| other.acts() && other.is_in(example))
        .collect();
    let world = World::new();
    let suited = stack.suit(one, example, !changes.is_empty(), &world.work());
    world.file("example.rhai", &format!("{header}{}\n", suited.text));
    let asks_for_a_plan = example.contains("plan::on()");
    let mut used = String::new();
    let mut acted = false;

    if !changes.is_empty() || asks_for_a_plan {
        let done = carry_out(&world, &["--plan"]);
        let plan: Value = serde_json::from_str(&done.out)
            .map_err(|_| told("it cannot be planned", &suited.text, &done))?;
        let incomplete = plan["incomplete"].is_string();
        // A plan may end where an example reads what it would have written.
        if !(done.code == 0 || (done.code == 3 && incomplete)) {
            return Err(told("it cannot be planned", &suited.text, &done));
        }
        let steps = plan["steps"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        acted |= steps.iter().any(|step| step["op"] == one.name.as_str());
        if !changes.is_empty() && steps.is_empty() {
            return Err(told(
                "it calls what changes something, and its plan is empty",
                &suited.text,
                &done,
            ));
        }
        used.push_str(&done.err);
    }

    if changes
        .iter()
        .all(|change| REAL_CHANGES.contains(&change.namespace))
    {
        let done = carry_out(&world, &[]);
        if done.code != 0 {
            return Err(told("it fails", &suited.text, &done));
        }
        if done.out.trim() == "false" {
            return Err(told("its comparison does not hold", &suited.text, &done));
        }
        let audit = world.audit();
        acted |= audit.iter().any(|line| line["op"] == one.name.as_str());
        used.push_str(&done.err);
    }

    // That the name stands in an example does not say that the call was reached.
    if one.primitive.access.acts() && !acted {
        return Err(format!("its example never comes to it\n{}", suited.text));
    }
    if let Some(capability) = one.capability()
        && !used.contains(&capability)
    {
        return Err(format!(
            "its example never used `{capability}`\n{}\n{used}",
            suited.text
        ));
    }
    Ok(())
}

fn carry_out(world: &World, more: &[&str]) -> Done {
    let mut args = vec!["run", "-o", "json", "--needs-report"];
    args.extend(more);
    args.push("example.rhai");
    let names = [
        "TRADEOPS_ENV_FILE",
        "TRADEOPS_COMPOSE_FILE",
        "COMPOSE_PROJECT_NAME",
        "DOCKER_HOST",
    ];
    let run = names
        .into_iter()
        .filter_map(|name| std::env::var(name).ok().map(|value| (name, value)))
        .fold(world.tradeops(&args), |run, (name, value)| {
            run.env(name, value)
        });
    stack::LOGIN
        .iter()
        .fold(run, |run, name| run.env(name, setting::setting(name)))
        .done()
}

fn told(what: &str, text: &str, done: &Done) -> String {
    format!(
        "{what} (exit code {})\n--- run\n{text}\n--- stdout\n{}--- stderr\n{}\
         --- `stack` in tests/examples has what is put in; the small stack has the services of TEST_SERVICES in the Makefile",
        done.code, done.out, done.err
    )
}
