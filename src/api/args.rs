//! `args::` - the script's own command line.

use rhai::Dynamic;

use super::{Namespace, Primitive, Ty, param};
use crate::gate::Access;

pub(super) static NAMESPACE: Namespace = Namespace {
    name: "args",
    doc: "The script's own flags and arguments. The runtime reads the map before the run, so `--help`, wrong flags and completion cost nothing and run nothing.",
    primitives: &[Primitive {
        name: "parse",
        params: &[param(
            "spec",
            Ty::Map,
            "`flags`, `positionals`, `subcommands`, `examples`; must be written out in the script",
        )],
        access: Access::Local,
        returns: Ty::Map,
        doc: "Gives the parsed arguments as a map: one key per flag and positional.\n\nA flag is `name: #{ type, help, initial, env, short, repeat, required, values }`. Types are `bool` (the usual), `string`, `int`, `float`, `duration`, `size`, `regex`; `values` lists the words it may be. `env` names an environment variable to fall back on. Booleans are 1/0, true/false, yes/no, on/off in any case. The key `no_cache` is the flag `--no-cache`. A wrong flag exits 64, a wrong value in the environment 78.",
        example: "let args = args::parse(#{ flags: #{ window: #{ type: \"duration\", initial: \"10s\", help: \"measure this long\" } } });\nargs.window",
        call: |call| Ok(Dynamic::from_map(call.frame().arguments.clone())),
        ..Primitive::PURE
    }],
    shapes: &[],
};
