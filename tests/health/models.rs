//! Models: readiness, drift, files, and servers of language models.

use crate::fault::{Alone, Fault, ask, wrong};
use crate::stack::{Asked, Stack, eventually};

const fn fault(
    name: &'static str,
    check: &'static str,
    status: &'static str,
    says: &'static str,
) -> Fault {
    crate::fault::fault(name, check, "models", "major", status, says)
}

const DRIFT: &str = "drift.model_drift_overall_severity_level";

pub(crate) const DRIFTING: Fault = fault(
    "a model drifts",
    DRIFT,
    "degraded",
    "model_drift_overall_severity_level is 2.0; from 2.0 on it is too high",
);
pub(crate) const DRIFTED: Fault = fault(
    "a model drifted far",
    DRIFT,
    "bad",
    "model_drift_overall_severity_level is 3.0; from 3.0 on it is too high",
);
pub(crate) const NO_NUMBER: Fault = fault(
    "a metric of drift is not a number",
    DRIFT,
    "unknown",
    "is not a number",
);
pub(crate) const OWN_DRIFT: Fault = fault(
    "a metric of drift that the operator named is too high",
    "drift.forecast_requests_total",
    "bad",
    "forecast_requests_total is 12.0; from 10.0 on",
);
pub(crate) const NOT_READY: Fault = fault(
    "a model is not ready",
    "ml.models",
    "bad",
    "forecaster is failed (model_loading)",
);
pub(crate) const DEGRADED_STATE: Fault = fault(
    "a service exports that it is degraded",
    "ml.readiness_state",
    "degraded",
    "service_readiness_state is 2",
);
pub(crate) const ODD_STATE: Fault = fault(
    "a service exports a readiness that nobody knows",
    "ml.readiness_state",
    "unknown",
    "service_readiness_state is 0.0, which is neither",
);
pub(crate) const NO_MODEL: Fault = fault(
    "a model server has no model",
    "ollama.models",
    "degraded",
    "it has no model",
);
pub(crate) const WRONG_MODEL: Fault = fault(
    "a language model is missing",
    "ollama.models",
    "bad",
    "mistral:latest is not there; there are: llama3.1:8b",
);
pub(crate) const SMALL_MODEL: Fault = fault(
    "a language model is too small",
    "ollama.models",
    "bad",
    "llama3.1:8b has 4.3 GiB, at least 5.0 GiB are wanted",
);
pub(crate) const NO_FILE: Fault = fault(
    "a model file is missing",
    "model.forecaster",
    "bad",
    "0 there, 1 must be",
);
pub(crate) const SMALL_FILE: Fault = fault(
    "a model file is too small",
    "model.forecaster",
    "bad",
    "has 10 B, at least 1.0 KiB are wanted",
);
pub(crate) const OLD_FILE: Fault = fault(
    "a model file is too old",
    "model.forecaster",
    "degraded",
    "is 40 days old, more than 30d",
);

pub(crate) const FAULTS: &[&Fault] = &[
    &DRIFTING,
    &DRIFTED,
    &NO_NUMBER,
    &OWN_DRIFT,
    &NOT_READY,
    &DEGRADED_STATE,
    &ODD_STATE,
    &NO_MODEL,
    &WRONG_MODEL,
    &SMALL_MODEL,
    &NO_FILE,
    &SMALL_FILE,
    &OLD_FILE,
];

const ONLY: [&str; 2] = ["--only", "models"];

/// What the stand-ins of the stack say of their models.
#[test]
fn readiness_and_drift_are_read_rightly() {
    let stack = Stack::healthy();
    let models = |settings: &str| ask(&stack, settings, &ONLY, &[]);
    let asked = models("");
    assert_eq!(
        (asked.code, wrong(&asked).len()),
        (0, 0),
        "{:#}",
        asked.report
    );
    for service in ["api", "ml"] {
        let state = asked.check(&format!("{service}.readiness_state"));
        assert_eq!(state["status"], "ok", "1 is ready: {state:#}");
    }
    for (value, fault) in [("2", DRIFTING), ("3", DRIFTED), ("NaN", NO_NUMBER)] {
        stack.tell(
            "api",
            &format!("/metric?name=model_drift_overall_severity_level&value={value}"),
        );
        fault.is_found(&models(""));
    }
    stack.tell("api", "/reset");
    for (value, fault) in [("2", DEGRADED_STATE), ("0", ODD_STATE)] {
        stack.tell(
            "ml",
            &format!("/metric?name=service_readiness_state&value={value}"),
        );
        fault.is_found(&models(""));
    }
    stack.tell("ml", "/reset");

    // A metric that the operator names, by the highest of its series.
    let settings =
        "[settings.models.drift.forecast_requests_total]\nservice = \"api\"\nwarn = 5\nbad = 10\n";
    assert_eq!(models(settings).code, 0);
    stack.tell("api", "/metric?name=forecast_requests_total&value=12");
    OWN_DRIFT.is_found(&models(settings));
    stack.tell("api", "/reset");

    // The cause is the model; what the service says of itself is explained by it.
    stack.tell("ml", "/notready?reason=model_loading");
    let asked = models("");
    assert_eq!(asked.causes(), ["ml.models"]);
    let check = asked.check("ml.models");
    assert_eq!(check["status"], NOT_READY.status);
    let evidence = check["evidence"].to_string();
    assert!(evidence.contains(NOT_READY.says), "{evidence}");
    assert_eq!(asked.check("ml.readiness_state")["status"], "degraded");
}

#[test]
fn language_models_that_must_be_there() {
    let stack = Stack::alone();
    let ollama = Alone::start("ollama", &[11434], &[]);
    let words = ["--project", &ollama.project, "--only", "ollama.models"];
    let asked = |settings: &str| ask(&stack, settings, &words, &[]);
    let must = |lines: &str| format!("[settings.models.endpoints.ollama]\n{lines}\n");
    eventually("ollama does not get well", || {
        let asked = asked(&must("models = [\"llama3.1:8b\"]\nmin_bytes = \"4GiB\""));
        if asked.code == 0 {
            Ok(())
        } else {
            Err(format!("{:#}", asked.report))
        }
    });
    WRONG_MODEL.is_found(&asked(&must("models = [\"llama3.1:8b\", \"mistral\"]")));
    SMALL_MODEL.is_found(&asked(&must(
        "models = [\"llama3.1:8b\"]\nmin_bytes = \"5GiB\"",
    )));
    ollama.tell("/models");
    NO_MODEL.is_found(&asked(""));
    // One outside the stack, by its address.
    ollama.tell("/models?name=mistral:latest");
    let outside = format!(
        "[settings.models.endpoints.other]\nurl = \"http://127.0.0.1:{}\"\nmodels = [\"mistral\"]\n",
        ollama.port(11434)
    );
    let asked = ask(&stack, &outside, &["--only", "other.models"], &[]);
    assert_eq!(
        asked.check("other.models")["status"],
        "ok",
        "{:#}",
        asked.report
    );
}

#[test]
fn model_files_are_there_whole_and_not_too_old() {
    let stack = Stack::alone();
    let folder = stack.folder.path().join("models");
    std::fs::create_dir_all(&folder).expect("a folder");
    let settings = format!(
        "[settings.models.files.forecaster]\nglob = \"{}/*.onnx\"\nmin_bytes = \"1KiB\"\nmax_age = \"30d\"\n",
        folder.display()
    );
    let files = || -> Asked { ask(&stack, &settings, &["--only", "model.forecaster"], &[]) };
    NO_FILE.is_found(&files());
    let path = folder.join("a.onnx");
    std::fs::write(&path, [0; 10]).expect("a file");
    SMALL_FILE.is_found(&files());
    std::fs::write(&path, [0; 2000]).expect("a file");
    assert_eq!(files().code, 0);
    let file = std::fs::File::options()
        .append(true)
        .open(&path)
        .expect("the file");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(40 * 86_400);
    file.set_modified(old).expect("a time");
    OLD_FILE.is_found(&files());
}
