//! Structured log lines on stdout, as the application services write them.

use serde_json::{Map, Value};

use crate::text;

#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) service: &'static str,
}

impl Log {
    pub(crate) fn new(service: &'static str) -> Self {
        Self { service }
    }

    pub(crate) fn info(&self, message: &str, fields: &[(&str, &str)]) {
        self.line("INFO", message, fields);
    }

    pub(crate) fn warn(&self, message: &str, fields: &[(&str, &str)]) {
        self.line("WARN", message, fields);
    }

    pub(crate) fn error(&self, message: &str, fields: &[(&str, &str)]) {
        self.line("ERROR", message, fields);
    }

    fn line(&self, level: &str, message: &str, fields: &[(&str, &str)]) {
        let mut line = Map::new();
        line.insert(
            "timestamp".into(),
            text::rfc3339(text::unix_micros()).into(),
        );
        line.insert("level".into(), level.into());
        line.insert("service".into(), self.service.into());
        line.insert("message".into(), message.into());
        for (key, value) in fields {
            line.insert((*key).into(), (*value).into());
        }
        text::stdout(&Value::Object(line).to_string());
    }
}
