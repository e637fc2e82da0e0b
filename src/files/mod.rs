//! Files and folders: read with a limit, written whole or not at all, listed, looked at, removed one at
//! a time.

mod archive;
mod error;
mod list;
mod read;
mod resolve;
mod stat;
mod tree;
mod wipe;
mod write;

pub use archive::{pack, unpack};
pub use error::Error;
pub use list::{glob, list};
pub use read::{read_bytes, read_text, tail};
pub use resolve::{real, real_parent};
pub use stat::{Stat, exists, stat};
pub use tree::{Tree, tree};
pub use wipe::{Wiped, checked, wipe};
pub use write::{Made, Removed, Written, make_dir, remove, write_bytes, write_passing, write_text};
