//! The allocator of the process on Linux.
//!
//! A sixth of the time of a small request went into glibc's malloc, whose caches are made for fewer
//! allocations at a time; musl's is slower still. FreeBSD's malloc is jemalloc already, and on macOS
//! jemalloc could not serve libc itself.

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;
