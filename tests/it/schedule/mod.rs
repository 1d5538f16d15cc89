//! Which requests are in flight at a time, in which order, and at what rate.

mod all_together;
mod cancel;
mod concurrency;
mod dead_hosts;
mod per_host;
mod rates;
mod sorted;
mod threads;
