//! What this machine says about itself: disks, memory, load, ports, processes, systemd units, firewalls.
//!
//! Everything but units, firewalls and fail2ban is read from `/proc` and from `statvfs`: no tool is started, so the answers are
//! the kernel's and cost microseconds.

mod disk;
mod error;
mod fail2ban;
mod firewall;
mod host;
mod inside;
mod memory;
mod ports;
mod processes;
mod tool;
mod unit;

pub use disk::{Disk, disk, mounted_below};
pub use error::Error;
pub use fail2ban::{Fail2ban, Jail, fail2ban};
pub use firewall::{Firewall, firewalls};
pub use host::{Host, Load, Uptime, boot_id, host, host_name, load, uptime};
pub use inside::{Inside, Reached, Socket};
pub use memory::{Memory, memory};
pub use ports::{Listener, listening_ports};
pub use processes::{Process, group_alive, process, processes, start_ticks, user_name};
pub use tool::Standing;
pub use unit::{Unit, unit};
