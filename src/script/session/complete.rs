//! What could stand at a place in an input, and the signature of the call around it.

use rhai::{Dynamic, Map};

use super::{Function, Session};
use crate::api::{NAMESPACES, Primitive, Record, Shape, Ty};
use crate::script::{shipped, standard};

/// One way to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What it is, for the list.
    pub shown: String,
    /// What to put in place of the word.
    pub text: String,
}

const KEYWORDS: &[&str] = &[
    "break", "catch", "const", "continue", "do", "else", "false", "for", "if", "import", "in",
    "let", "loop", "return", "switch", "throw", "true", "try", "until", "while",
];

impl Session {
    /// Where the word at the end of `head` begins, and what it could be.
    pub fn complete(&self, head: &str) -> (usize, Vec<Candidate>) {
        let open = Open::of(head);
        if let Some(from) = open.text {
            return (from, self.in_text(head, from));
        }
        let start = word_start(head, |c| c.is_alphanumeric() || c == '_');
        let (before, word) = head.split_at(start);
        let mut found = if let Some(path) = before.strip_suffix("::") {
            self.within_namespace(&path[word_start(path, |c| c.is_alphanumeric() || c == '_')..])
        } else if let Some(receiver) = before.strip_suffix('.') {
            let receiver = receiver.strip_suffix('?').unwrap_or(receiver);
            self.after_dot(receiver, word)
        } else if let Some(options) = self.options(&open, before) {
            options
        } else {
            self.bare(word)
        };
        found.retain(|c| c.text.starts_with(word));
        found.sort_by(|a, b| a.text.cmp(&b.text));
        found.dedup_by(|a, b| a.text == b.text);
        (start, found)
    }

    /// The signature of the call that `head` is within or ends at.
    pub fn hint(&self, head: &str) -> Option<String> {
        let open = Open::of(head);
        if open.text.is_none() {
            let start = word_start(head, path_character);
            if let Some(signature) = self.signature(&head[start..]) {
                return Some(signature);
            }
        }
        let (at, _) = open.brackets.iter().rfind(|(at, bracket)| {
            *bracket == '(' && head[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
        })?;
        let callee = &head[word_start(&head[..*at], path_character)..*at];
        Some(format!("  {callee}{}", self.signature(callee)?))
    }

    fn signature(&self, callee: &str) -> Option<String> {
        if let Some(primitive) = primitive(callee) {
            return Some(primitive.signature());
        }
        let params = |f: &Function| format!("({})", f.params.join(", "));
        match callee.rsplit_once("::") {
            Some((alias, name)) => {
                let import = self.imports().iter().find(|i| i.alias == alias)?;
                import.functions.iter().find(|f| f.name == name).map(params)
            }
            None => self
                .functions()
                .iter()
                .find(|f| f.name == callee)
                .map(params),
        }
    }

    fn in_text(&self, head: &str, from: usize) -> Vec<Candidate> {
        let before = head[..from].trim_end_matches(['"', '`']).trim_end();
        if !before.ends_with("import") {
            return Vec::new();
        }
        let modules = shipped::STDLIB
            .iter()
            .map(|(name, _)| format!("std/{name}"));
        let fitting = modules.filter(|path| path.starts_with(&head[from..]));
        fitting.map(|path| plain(&path)).collect()
    }

    fn within_namespace(&self, namespace: &str) -> Vec<Candidate> {
        if let Some(import) = self.imports().iter().find(|i| i.alias == namespace) {
            return import.functions.iter().map(function).collect();
        }
        let Some(namespace) = NAMESPACES.iter().find(|n| n.name == namespace) else {
            return Vec::new();
        };
        let primitives = namespace.primitives.iter();
        primitives
            .map(|p| Candidate {
                shown: p.name.to_owned(),
                text: call(p.name, p.arity().1),
            })
            .collect()
    }

    fn after_dot(&self, receiver: &str, word: &str) -> Vec<Candidate> {
        let mut found = match self.receiver(receiver) {
            Some(Known::Value(value)) => {
                if let Some(record) = value.read_lock::<Record>() {
                    fields(record.shape())
                } else if let Some(map) = value.read_lock::<Map>() {
                    let keys = map.keys().filter(|key| is_name(key));
                    keys.map(|key| plain(key)).collect()
                } else {
                    Vec::new()
                }
            }
            Some(Known::Shape(shape)) => fields(shape),
            None => Vec::new(),
        };
        // All methods there are would bury the fields; a letter that begins none asks for them.
        if !word.is_empty() && !found.iter().any(|c| c.text.starts_with(word)) {
            found.extend(standard::names().map(plain));
        }
        found
    }

    /// What stands before a dot, as far as it is known without evaluating anything.
    fn receiver(&self, text: &str) -> Option<Known> {
        if text.ends_with(')') {
            let open = matching(text)?;
            let callee = &text[word_start(&text[..open], path_character)..open];
            return shape_of(&primitive(callee)?.returns).map(Known::Shape);
        }
        if let Some(inner) = text.strip_suffix(']') {
            let open = inner.rfind('[')?;
            let index: usize = inner[open + 1..].trim().parse().ok()?;
            return match self.receiver(&inner[..open])? {
                Known::Value(list) => {
                    let item = list.read_lock::<rhai::Array>()?.get(index)?.clone();
                    Some(Known::Value(item))
                }
                Known::Shape(_) => None,
            };
        }
        let start = word_start(text, |c| c.is_alphanumeric() || c == '_');
        let (before, name) = text.split_at(start);
        if let Some(outer) = before.strip_suffix('.') {
            let outer = outer.strip_suffix('?').unwrap_or(outer);
            return match self.receiver(outer)? {
                Known::Value(value) => {
                    if let Some(record) = value.read_lock::<Record>() {
                        return record.get(name).cloned().map(Known::Value);
                    }
                    let map = value.read_lock::<Map>()?;
                    map.get(name).cloned().map(Known::Value)
                }
                Known::Shape(shape) => {
                    let field = shape.fields.iter().find(|f| f.name == name)?;
                    shape_of(&field.ty).map(Known::Shape)
                }
            };
        }
        self.scope.get(name).cloned().map(Known::Value)
    }

    /// Within `#{` of a primitive's arguments, where a key may stand: its options.
    fn options(&self, open: &Open, before: &str) -> Option<Vec<Candidate>> {
        let [.., (call, '('), (_, '#')] = open.brackets.as_slice() else {
            return None;
        };
        if !before.trim_end().ends_with(['{', ',']) {
            return None;
        }
        let callee = &before[word_start(&before[..*call], path_character)..*call];
        let options = primitive(callee)?.options;
        (!options.is_empty()).then(|| {
            let keys = options.iter().map(|option| Candidate {
                shown: format!("{}: {}", option.name, option.ty.name()),
                text: format!("{}: ", option.name),
            });
            keys.collect()
        })
    }

    fn bare(&self, word: &str) -> Vec<Candidate> {
        let mut found: Vec<Candidate> = self.scope.iter_raw().map(|(n, ..)| plain(n)).collect();
        found.extend(self.functions().iter().map(function));
        found.extend(
            self.imports()
                .iter()
                .map(|i| plain(&format!("{}::", i.alias))),
        );
        found.extend(NAMESPACES.iter().map(|n| plain(&format!("{}::", n.name))));
        if !word.is_empty() {
            found.extend(KEYWORDS.iter().map(|k| plain(k)));
            let names = standard::names().filter(|name| is_name(name));
            found.extend(names.map(|name| plain(&format!("{name}("))));
        }
        found
    }
}

enum Known {
    Value(Dynamic),
    Shape(&'static Shape),
}

fn plain(text: &str) -> Candidate {
    Candidate {
        shown: text.to_owned(),
        text: text.to_owned(),
    }
}

fn function(function: &Function) -> Candidate {
    Candidate {
        shown: function.signature(),
        text: call(&function.name, function.params.len()),
    }
}

fn call(name: &str, most: usize) -> String {
    format!("{name}({}", if most == 0 { ")" } else { "" })
}

fn fields(shape: &Shape) -> Vec<Candidate> {
    let fields = shape.fields.iter().map(|field| Candidate {
        shown: format!("{}: {}", field.name, field.ty.name()),
        text: field.name.to_owned(),
    });
    fields.collect()
}

fn shape_of(ty: &Ty) -> Option<&'static Shape> {
    match ty {
        Ty::Record(shape) => Some(shape),
        Ty::Opt(ty) => shape_of(ty),
        _ => None,
    }
}

fn primitive(callee: &str) -> Option<&'static Primitive> {
    let (namespace, name) = callee.split_once("::")?;
    let namespace = NAMESPACES.iter().find(|n| n.name == namespace)?;
    namespace.primitives.iter().find(|p| p.name == name)
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !text.starts_with(|c: char| c.is_numeric())
}

fn path_character(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == ':'
}

/// Where the run of characters at the end of `text` begins.
fn word_start(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.char_indices()
        .rev()
        .take_while(|(_, c)| belongs(*c))
        .last()
        .map_or(text.len(), |(at, _)| at)
}

/// Where the bracket opens that the last character of `text` closes.
fn matching(text: &str) -> Option<usize> {
    let open = Open::of(text.get(..text.len() - 1)?);
    open.brackets.last().map(|(at, _)| *at)
}

/// What is open at the end of a text.
struct Open {
    /// The brackets: where, and `#` for that of a map.
    brackets: Vec<(usize, char)>,
    /// Where the text in quotes begins that is not closed.
    text: Option<usize>,
}

impl Open {
    fn of(head: &str) -> Self {
        let mut open = Self {
            brackets: Vec::new(),
            text: None,
        };
        let mut characters = head.char_indices().peekable();
        let mut before = ' ';
        while let Some((at, c)) = characters.next() {
            match c {
                '"' | '`' | '\'' => {
                    open.text = Some(at + 1);
                    while let Some((_, inner)) = characters.next() {
                        if inner == '\\' && c != '`' {
                            characters.next();
                        } else if inner == c {
                            open.text = None;
                            break;
                        }
                    }
                }
                '/' if characters.peek().is_some_and(|(_, next)| *next == '/') => {
                    for (_, inner) in characters.by_ref() {
                        if inner == '\n' {
                            break;
                        }
                    }
                }
                '{' if before == '#' => open.brackets.push((at, '#')),
                '(' | '[' | '{' => open.brackets.push((at, c)),
                ')' | ']' | '}' => {
                    open.brackets.pop();
                }
                _ => {}
            }
            before = c;
        }
        open
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]
    use super::*;
    use crate::api::Output;
    use crate::run::SystemClock;
    use crate::script::library::Library;
    use crate::script::session::Setup;
    use std::sync::Arc;

    fn session(inputs: &[&str]) -> Session {
        let folder = tempfile::tempdir().unwrap();
        let mut session = Session::open(Setup {
            library: Library::new(folder.path().to_owned(), None),
            profile: None,
            settings: toml::Table::new(),
            state: folder.path().join("state"),
            output: Output::PLAIN,
            deadline: None,
            live: false,
            clock: Arc::new(SystemClock),
            env: |_| None,
        })
        .unwrap();
        for input in inputs {
            assert!(session.eval(input, &[]).is_ok(), "{input}");
        }
        session
    }

    fn texts(session: &Session, head: &str) -> Vec<String> {
        let (start, found) = session.complete(head);
        found
            .into_iter()
            .map(|c| format!("{}{}", &head[..start], c.text))
            .collect()
    }

    #[test]
    fn every_kind_of_word_is_completed() {
        let session = session(&[
            "let table = #{ rows: [#{ size: 1 }], \"two words\": 2 };",
            "fn tabulate(a, b) { a }",
            "import \"std/stack\" as stuff;",
            "let holder = lock::holder(\"nobody.lock\");",
        ]);
        for (head, expected) in [
            ("tabl", vec!["table"]),
            ("1 + tabu", vec!["1 + tabulate("]),
            ("stuf", vec!["stuff::"]),
            ("dock", vec!["docker::"]),
            ("docker::inspec", vec!["docker::inspect("]),
            ("let a = plan::o", vec!["let a = plan::on()"]),
            ("table.", vec!["table.rows"]),
            ("table.rows[0].", vec!["table.rows[0].size"]),
            ("table.rows[7].", vec![]),
            ("f(table?.ro", vec!["f(table?.rows"]),
            ("holder.boot", vec!["holder.boot_id"]),
            (
                "lock::holder(\"a.b\").boot",
                vec!["lock::holder(\"a.b\").boot_id"],
            ),
            (
                "import \"std/sta",
                vec!["import \"std/stack", "import \"std/starting"],
            ),
            ("print(\"docker::", vec![]),
            (
                "docker::stop(\"x\", #{ ",
                vec!["docker::stop(\"x\", #{ timeout: "],
            ),
            (
                "docker::stop(\"x\", #{ ti",
                vec!["docker::stop(\"x\", #{ timeout: "],
            ),
            ("nowhere::x", vec![]),
            ("unknown.x.y", vec![]),
        ] {
            assert_eq!(texts(&session, head), expected, "{head}");
        }
        let all = texts(&session, "");
        for name in ["table", "tabulate(", "stuff::", "docker::"] {
            assert!(all.iter().any(|n| n == name), "{name}");
        }
        assert!(texts(&session, "docker::").len() > 5);
    }

    #[test]
    fn the_signature_is_that_of_the_innermost_call() {
        let session = session(&["fn tabulate(a, b) { a }"]);
        let hint = |head: &str| session.hint(head).unwrap_or_default();
        assert!(hint("docker::stop").starts_with("(name: string"));
        assert!(hint("docker::stop(\"a").starts_with("  docker::stop(name: string"));
        assert_eq!(hint("docker::stop(tabulate(1, "), "  tabulate(a, b)");
        assert!(hint("docker::stop(tabulate(1, 2), ").starts_with("  docker::stop("));
        for head in [
            "",
            "let a = 1",
            "docker::stop(\"a\")",
            "nosuch(1, ",
            "(1 + ",
        ] {
            assert_eq!(hint(head), "", "{head}");
        }
    }

    #[test]
    fn no_text_is_a_panic() {
        let session = session(&["let e = #{ \"ü\": 1 };"]);
        for head in [
            "é", "e.", "e.ü", "e.é.", "\"é", "é[", "é[é].", ").", "].", "..", "::", "#{", "é)",
            "`${", "?.", "é::ü::",
        ] {
            let (start, _) = session.complete(head);
            assert!(head.is_char_boundary(start), "{head}");
            let _ = session.hint(head);
        }
    }
}
