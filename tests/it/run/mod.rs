//! How a run starts, stops, and ends, and what it needs of the system.

mod ending;
mod files;
mod kill;
mod limits;
mod properties;
mod signals;
mod system_calls;
