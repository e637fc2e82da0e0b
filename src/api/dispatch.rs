//! The one wrapper around every primitive.
//!
//! It decodes and checks the arguments, finds the call's place, takes the op through the gate, and maps
//! the answer. No primitive does any of this itself, so none can forget it.

use std::any::TypeId;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError, RwLock};

use rhai::{
    Dynamic, Engine, EvalAltResult, FuncRegistration, Map, Module, NativeCallContext, Position,
    RhaiFunc, Shared,
};

use super::{
    Answer, Arg, Args, Branch, Call, Failure, Kind, NAMESPACES, Namespace, Param, Primitive, Ty,
    plain, with_branch,
};
use crate::gate::{Access, Blast, Doom, DoomKind, Op, Outcome, Pass, Site};

/// Every call site of the files that were checked: file, line, column, callee.
///
/// A closure called from another module reports the right line but that module's file; the table tells
/// which file really has a call of that name at that place.
#[derive(Debug, Default)]
pub struct SiteTable(RwLock<HashSet<(String, usize, usize, String)>>);

impl SiteTable {
    /// Adds a call.
    pub fn add(&self, file: &str, line: usize, column: usize, callee: String) {
        if let Ok(mut sites) = self.0.write() {
            sites.insert((file.to_owned(), line, column, callee));
        }
    }

    /// Adds the calls of another table.
    pub fn extend(&self, other: &Self) {
        if let (Ok(mut sites), Ok(more)) = (self.0.write(), other.0.read()) {
            sites.extend(more.iter().cloned());
        }
    }

    /// The place of a call: the reported file if it has such a call there, else the file that has.
    pub fn place(&self, reported: Option<&str>, at: Position, callee: &str) -> Site {
        let (line, column) = (at.line().unwrap_or(0), at.position().unwrap_or(0));
        let reported = reported.unwrap_or_default().to_owned();
        let key = (reported, line, column, callee.to_owned());
        let site = |file: String| Site { file, line, column };
        if let Ok(sites) = self.0.read()
            && !sites.contains(&key)
            && let Some((file, ..)) = sites
                .iter()
                .find(|(_, l, c, name)| *l == line && *c == column && name == callee)
        {
            return site(file.clone());
        }
        site(key.0)
    }
}

/// Puts the namespaces that are `wanted` into `engine`.
pub fn register(engine: &mut Engine, wanted: impl Fn(&str) -> bool) {
    for namespace in NAMESPACES.iter().filter(|n| wanted(n.name)) {
        engine.register_static_module(namespace.name, module(namespace));
    }
}

fn module(namespace: &'static Namespace) -> Shared<Module> {
    let mut module = Module::new();
    for primitive in namespace.primitives {
        let (least, most) = primitive.arity();
        for count in least..=most {
            let arity = vec![TypeId::of::<Dynamic>(); count];
            FuncRegistration::new(primitive.name).set_into_module_raw(
                &mut module,
                arity,
                RhaiFunc::Pure {
                    func: Shared::new(
                        move |native: Option<NativeCallContext<'_>>, args: &mut [&mut Dynamic]| {
                            match native {
                                Some(native) => dispatch(namespace, primitive, &native, args),
                                None => unreachable!("`has_context` is set"),
                            }
                        },
                    ),
                    has_context: true,
                    is_pure: true,
                    is_volatile: true,
                },
            );
        }
    }
    module.build_index();
    module.into()
}

fn dispatch(
    namespace: &'static Namespace,
    primitive: &'static Primitive,
    native: &NativeCallContext<'_>,
    args: &mut [&mut Dynamic],
) -> Result<Dynamic, Box<EvalAltResult>> {
    let at = native.call_position();
    let name = format!("{}::{}", namespace.name, primitive.name);
    let Some(branch) = with_branch(Branch::clone) else {
        return Err(Failure::new(Kind::Conflict, "no run is going on").throw(&name, "", at));
    };
    if branch.run.stopped(&branch.cx) {
        return Err(terminated(at));
    }
    let run = branch.run.clone();
    let resources = run.resources();
    let site = resources
        .get_or(SiteTable::default)
        .place(native.call_source(), at, &name);
    let args = decode(primitive, args).map_err(|mut failure| {
        failure
            .hint
            .get_or_insert_with(|| format!("{name}{}", primitive.signature()));
        resources
            .get_or(LastRaise::default)
            .note(&failure.message, &site);
        failure.throw(&name, "", at)
    })?;
    let call = Call {
        args,
        branch,
        native,
        site,
    };

    let access = primitive
        .access_of
        .map_or(primitive.access, |of| of(&call.args));
    if !access.gated() {
        let _flight = (access == Access::Local).then(|| run.fly_local(&name, &call.site));
        return (primitive.call)(&call).or_else(|failure| raise(&call, failure, &name, "", at));
    }
    let op = Op {
        namespace: namespace.name,
        verb: primitive.name,
        access,
        capability: primitive
            .capability
            .map_or_else(|| format!("{}.{access}", namespace.name), str::to_owned),
        target: (primitive.target)(&call.args),
        args: describe(&call.args),
        site: call.site.clone(),
    };
    if primitive.waits && run.is_spoiled(&op.target) {
        return Ok(planned(primitive));
    }
    let passed = run.pass(
        call.cx(),
        &call.frame().grants,
        &op,
        || primitive.vet.map_or(Ok(()), |vet| vet(&call)),
        || {
            primitive
                .preview
                .map_or_else(|| Ok(Blast::default()), |preview| preview(&call))
        },
        |cx| {
            if access.acts() {
                (primitive.call)(&call.within(cx))
            } else {
                (primitive.call)(&call)
            }
        },
        outcome,
    );
    match passed {
        Ok(Pass::Done(answer)) => {
            debug_assert_eq!(
                unwritable(primitive, &answer),
                None,
                "`{name}` cannot be replayed"
            );
            Ok(answer)
        }
        Ok(Pass::Planned) => Ok(planned(primitive)),
        Ok(Pass::Doomed) => Err(terminated(at)),
        Err(failure) => raise(&call, failure, &name, &op.target, at),
    }
}

/// What stands for the answer of something that is only planned.
fn planned(primitive: &Primitive) -> Dynamic {
    match primitive.returns {
        Ty::Record(shape) => shape.planned(),
        _ => unreachable!("a change returns a record; a test over all primitives says so"),
    }
}

/// Why this answer could not be recorded. What a closure gave back is not the primitive's own answer: in a
/// replay the closure runs again.
fn unwritable(primitive: &Primitive, answer: &Dynamic) -> Option<String> {
    let runs_closure = primitive.params.iter().any(|p| matches!(p.ty, Ty::Closure));
    // What gives closures is run again in a replay, as what takes them is.
    if runs_closure || holds_closure(answer) {
        return None;
    }
    super::codec::loss(answer)
}

fn holds_closure(value: &Dynamic) -> bool {
    if let Some(record) = value.read_lock::<super::Record>() {
        return record.fields.values().any(holds_closure);
    }
    if let Some(list) = value.read_lock::<rhai::Array>() {
        return list.iter().any(holds_closure);
    }
    if let Some(map) = value.read_lock::<Map>() {
        return map.values().any(holds_closure);
    }
    value.is::<rhai::FnPtr>()
}

fn outcome(answer: &Answer) -> Outcome {
    match answer {
        Ok(_) => Outcome::Done,
        // Stopped in the middle of it: sent, for all we know, and no answer.
        Err(failure) if failure.kind == Kind::Unknown || failure.stop.is_some() => {
            Outcome::Unknown(failure.message.clone())
        }
        Err(failure) => Outcome::Failed(failure.message.clone()),
    }
}

/// Throws a failure; a stop of this branch cannot be caught.
fn raise(
    call: &Call<'_>,
    failure: Failure,
    name: &str,
    target: &str,
    at: Position,
) -> Result<Dynamic, Box<EvalAltResult>> {
    if let Some(stop) = failure.stop {
        // The root's stop ends the run; a branch's own limit ends the branch, and whoever made the
        // branch turns that into an error.
        if call.run().cx().cancel().stopped().is_some() {
            call.run().set_doom(Doom {
                kind: DoomKind::Stopped(stop),
                message: stop.to_string(),
                hint: None,
                op: Some(name.to_owned()),
                site: Some(call.site.clone()),
            });
        }
        return Err(terminated(at));
    }
    if failure.original.is_none() {
        call.run()
            .resources()
            .get_or(LastRaise::default)
            .note(&failure.message, call.site());
    }
    Err(failure.throw(name, target, at))
}

/// Where the last failure was thrown: Rhai reports the right line of it, but not always the right file.
#[derive(Debug, Default)]
pub struct LastRaise(Mutex<Option<(String, Site)>>);

impl LastRaise {
    fn note(&self, message: &str, site: &Site) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((message.to_owned(), site.clone()));
    }

    /// The place of the failure with this message, if it was the last one.
    pub fn site_of(&self, message: &str) -> Option<Site> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref()
            .filter(|(m, _)| m == message)
            .map(|(_, site)| site.clone())
    }
}

/// The error that no `catch` gets.
pub(super) fn terminated(at: Position) -> Box<EvalAltResult> {
    EvalAltResult::ErrorTerminated(Dynamic::UNIT, at).into()
}

/// The arguments as they go into an op: plain, closures and handles by their name.
fn describe(args: &Args) -> serde_json::Value {
    args.values
        .iter()
        .filter(|(_, arg)| !matches!(arg, Arg::Absent))
        .map(|(name, arg)| {
            let value = match arg {
                Arg::Closure(_) => serde_json::Value::from("(closure)"),
                Arg::Blob(blob) => format!("({} bytes)", blob.len()).into(),
                _ => to_json(&args.any(name)),
            };
            ((*name).to_owned(), value)
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// A value as JSON: records become objects, times text; what JSON cannot say becomes text.
pub(crate) fn to_json(value: &Dynamic) -> serde_json::Value {
    let value = plain(value);
    rhai::serde::from_dynamic(&value).unwrap_or_else(|_| value.to_string().into())
}

/// A value of a script as what it stands for; `what` names it in the error.
pub(crate) fn read_as<T: serde::de::DeserializeOwned>(
    what: &str,
    value: &Dynamic,
) -> Result<T, Failure> {
    serde_json::from_value(to_json(value)).map_err(|why| Failure::invalid(format!("{what}: {why}")))
}

/// Checks and decodes the arguments of a call, and puts the defaults in.
fn decode(primitive: &'static Primitive, given: &mut [&mut Dynamic]) -> Result<Args, Failure> {
    let mut values = Vec::with_capacity(primitive.params.len() + primitive.options.len());
    let (positional, last) = given.split_at(given.len().min(primitive.params.len()));
    let mut positional = positional.iter().map(|v| v.flatten_clone());
    let mut options = last.first().map(|v| v.flatten_clone());
    let optional_params = primitive.params.iter().any(|p| p.default.is_some());
    // With parameters that may be left out, a map in the place of the first one left out is the options.
    let mut pending: Vec<Dynamic> = positional.by_ref().collect();
    if optional_params
        && options.is_none()
        && !primitive.options.is_empty()
        && pending.len() > primitive.arity().0
        && pending.last().is_some_and(Dynamic::is_map)
        && !matches!(
            primitive.params[pending.len() - 1].ty,
            Ty::Map | Ty::Any | Ty::Opt(Ty::Map)
        )
    {
        options = pending.pop();
    }
    let mut pending = pending.into_iter();
    for param in primitive.params {
        let arg = match (pending.next(), param.default) {
            (Some(value), _) => param.ty.decode(&value).map_err(|wrong| {
                Failure::invalid(format!("`{}` {}", param.name, with_kind(&wrong, &value)))
            })?,
            (None, Some(default)) => default_arg(param, default),
            (None, None) => unreachable!("the engine calls with at least the required arguments"),
        };
        values.push((param.name, arg));
    }
    let mut options = match options {
        None => Map::new(),
        Some(value) => value.clone().try_cast::<Map>().ok_or_else(|| {
            Failure::invalid(format!(
                "the options must be a map such as `#{{ ... }}`, not {}",
                kind_of(&value)
            ))
        })?,
    };
    for option in primitive.options {
        let arg = match (options.remove(option.name), option.default) {
            (Some(value), _) => option.ty.decode(&value).map_err(|wrong| {
                Failure::invalid(format!(
                    "option `{}` {}",
                    option.name,
                    with_kind(&wrong, &value)
                ))
            })?,
            (None, Some(default)) => default_arg(option, default),
            (None, None) => {
                return Err(Failure::invalid(format!(
                    "option `{}` is required",
                    option.name
                )));
            }
        };
        values.push((option.name, arg));
    }
    if let Some(unknown) = options.keys().next() {
        let names = primitive.options.iter().map(|o| o.name);
        let failure = Failure::invalid(format!("there is no option `{unknown}`"));
        return Err(match closest(unknown, names.clone()) {
            Some(name) => failure.hint(format!("did you mean `{name}`?")),
            None => failure.hint(format!(
                "the options are {}",
                names.collect::<Vec<_>>().join(", ")
            )),
        });
    }
    Ok(Args { values })
}

fn default_arg(param: &Param, default: &str) -> Arg {
    match decode_default(param, default) {
        Ok(arg) => arg,
        Err(wrong) => unreachable!(
            "the default of `{}` {wrong}; a test decodes all of them",
            param.name
        ),
    }
}

impl Param {
    /// Whether the default, if there is one, is of the parameter's type.
    pub fn default_is_valid(&self) -> bool {
        self.default
            .is_none_or(|default| decode_default(self, default).is_ok())
    }
}

fn decode_default(param: &Param, default: &str) -> Result<Arg, String> {
    if default == "()" {
        return Ok(Arg::Absent);
    }
    let value: Dynamic = match default {
        "true" => true.into(),
        "false" => false.into(),
        "[]" => rhai::Array::new().into(),
        "#{}" => Map::new().into(),
        text => {
            if let Some(text) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
                text.to_owned().into()
            } else if let Ok(number) = text.parse::<i64>() {
                number.into()
            } else {
                text.parse::<f64>().map_or(Dynamic::UNIT, Dynamic::from)
            }
        }
    };
    param.ty.decode(&value)
}

/// `wants a string, and is an int`; a value of the right type is named by the message itself.
fn with_kind(wrong: &str, value: &Dynamic) -> String {
    if wrong.starts_with("wants") {
        format!("{wrong}, and is {}", kind_of(value))
    } else {
        wrong.to_owned()
    }
}

/// What a value is, for error texts: never the value itself, which may be a secret.
fn kind_of(value: &Dynamic) -> String {
    if value.is_unit() {
        return "`()`".into();
    }
    if let Some(record) = value.read_lock::<super::Record>() {
        return format!("a `{}`", record.shape().name);
    }
    if let Some(handle) = value.read_lock::<super::Handle>() {
        return format!("a `{}`", handle.name);
    }
    if value.is_fnptr() {
        return "a closure".into();
    }
    match value.type_name() {
        "string" => "a string".into(),
        "i64" => "an int".into(),
        "f64" => "a float".into(),
        "bool" => "a bool".into(),
        "map" => "a map".into(),
        "array" => "an array".into(),
        other => other.rsplit("::").next().unwrap_or(other).into(),
    }
}

/// The nearest of `names`, when one is near enough to have been meant.
pub(crate) fn closest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = match wrong.len() {
        // Every one-letter name is as near as any other.
        0 | 1 => return None,
        2 | 3 => 1,
        long => 2.max(long / 3),
    };
    names
        .map(|name| (strsim::osa_distance(wrong, name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
