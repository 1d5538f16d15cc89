//! What callgrind wrote, summed up by crate.
//!
//! Its format: `fl=`, `fi=` and `fe=` name the file of the costs that follow, `fn=` the function that they are in,
//! which is another's where it was inlined. `calls=` stands before what a call of `cfn=` cost in all.

use std::collections::HashMap;

/// Instructions of a crate, by what it spends them on.
#[derive(Default)]
pub(crate) struct Cost {
    pub(crate) own: i64,
    /// In malloc, free and their like, called from it.
    pub(crate) heap: i64,
    /// In memcpy, memcmp and their like, called from it.
    pub(crate) memory: i64,
    /// How often it called malloc, free and their like.
    pub(crate) heap_calls: i64,
}

/// The folder of the package, as it stands before the names of its files.
const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/");

/// Costs by crate; those of this one by module.
pub(crate) type Profile = HashMap<String, Cost>;

/// What a function of libc is for.
#[derive(Clone, Copy, PartialEq)]
enum Service {
    Heap,
    Memory,
}

impl Cost {
    pub(crate) fn sum(&self) -> i64 {
        self.own + self.heap + self.memory
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.own += other.own;
        self.heap += other.heap;
        self.memory += other.memory;
        self.heap_calls += other.heap_calls;
    }

    pub(crate) fn less(&self, other: &Self) -> Self {
        Self {
            own: self.own - other.own,
            heap: self.heap - other.heap,
            memory: self.memory - other.memory,
            heap_calls: self.heap_calls - other.heap_calls,
        }
    }

    pub(crate) fn each(&self, requests: i64) -> Self {
        Self {
            own: self.own / requests,
            heap: self.heap / requests,
            memory: self.memory / requests,
            heap_calls: self.heap_calls / requests,
        }
    }
}

/// Sums `text` up.
pub(crate) fn read(text: &str) -> Profile {
    let mut reader = Reader::default();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        match line.split_once('=') {
            Some(("calls", count)) => {
                let count = count.split(' ').next().and_then(|count| count.parse().ok());
                let cost = lines.next().and_then(cost).unwrap_or(0);
                reader.call(count.unwrap_or(0), cost);
            }
            Some((key, name)) => reader.name(key, name),
            None => reader.spend(cost(line).unwrap_or(0)),
        }
    }
    reader.profile
}

#[derive(Default)]
struct Reader {
    profile: Profile,
    files: Names,
    functions: Names,
    file: String,
    function: String,
    callee: String,
}

impl Reader {
    fn name(&mut self, key: &str, name: &str) {
        match key {
            "fl" | "fi" | "fe" => self.file = self.files.resolve(name),
            "cfi" | "cfl" => drop(self.files.resolve(name)),
            "fn" => self.function = self.functions.resolve(name),
            "cfn" => self.callee = self.functions.resolve(name),
            _ => {}
        }
    }

    /// What a function of libc takes is its caller's cost, so it is no one's where it is spent.
    fn spend(&mut self, cost: i64) {
        if cost > 0 && !is_behind_a_service(&self.file, &self.function) {
            self.cost().own += cost;
        }
    }

    fn call(&mut self, count: i64, cost: i64) {
        let Some(service) = service(&self.callee) else {
            return;
        };
        if is_behind_a_service(&self.file, &self.function) {
            return;
        }
        match service {
            Service::Heap => {
                self.cost().heap += cost;
                self.cost().heap_calls += count;
            }
            Service::Memory => self.cost().memory += cost,
        }
    }

    fn cost(&mut self) -> &mut Cost {
        let owner = owner(&self.file, &self.function);
        self.profile.entry(owner).or_default()
    }
}

/// `(7) name` says once what `(7)` stands for.
#[derive(Default)]
struct Names(HashMap<String, String>);

impl Names {
    fn resolve(&mut self, name: &str) -> String {
        let (number, name) = name.split_once(' ').unwrap_or((name, ""));
        if !name.is_empty() {
            self.0.insert(number.to_owned(), name.to_owned());
        }
        self.0.get(number).cloned().unwrap_or_default()
    }
}

/// The second number of a line of costs; the first is the line of the source, absolute or `+n`, `-n`, `*`.
fn cost(line: &str) -> Option<i64> {
    let (position, cost) = line.split_once(' ')?;
    let position = position.trim_start_matches(['+', '-', '*']);
    let is_number = position.bytes().all(|byte| byte.is_ascii_digit());
    cost.trim().parse().ok().filter(|_| is_number)
}

fn service(function: &str) -> Option<Service> {
    // A second activation of a function is marked with `'2`.
    let function = function.split('\'').next().unwrap_or(function);
    match function {
        "malloc" | "calloc" | "realloc" | "free" | "posix_memalign" | "mallocx" | "rallocx"
        | "sdallocx" => Some(Service::Heap),
        _ if function.starts_with("_rjem_") => Some(Service::Heap),
        "bcmp" => Some(Service::Memory),
        _ if ["mem", "__mem"]
            .iter()
            .any(|start| function.starts_with(start))
            && !function.contains("::") =>
        {
            Some(Service::Memory)
        }
        _ => None,
    }
}

/// Whether it is a part of what is counted with its caller.
fn is_behind_a_service(file: &str, function: &str) -> bool {
    service(function).is_some() || file.contains("/malloc/") || file.contains("jemalloc-sys")
}

/// The crate that wrote the code; this one with its module.
///
/// Where that is the standard library, it is the crate of the function into which it was inlined, or of a type in its
/// name.
fn owner(file: &str, function: &str) -> String {
    // The figures must not depend on where the repository lies.
    let file = file.strip_prefix(CHECKOUT).unwrap_or(file);
    let after = |mark| file.split_once(mark).map(|(_, rest): (_, &str)| rest);
    if let Some(rest) = after("/registry/src/") {
        let package = rest.split('/').nth(1).unwrap_or(rest);
        let name = package.rsplit_once('-').map_or(package, |(name, _)| name);
        return name.replace('-', "_");
    }
    // What the standard library depends on, such as hashbrown.
    if let Some(rest) = after("/rust/deps/") {
        let package = rest.split('/').next().unwrap_or(rest);
        let name = package.rsplit_once('-').map_or(package, |(name, _)| name);
        return name.replace('-', "_");
    }
    if let Some(rest) = after("/library/") {
        return named_in(function).unwrap_or_else(|| module(&rest.replace("/src/", "/")));
    }
    let of_another_checkout = || Some(file.rsplit_once("/src/")?.1);
    if let Some(rest) = file.strip_prefix("src/").or_else(of_another_checkout) {
        return module(&format!("fetch/{rest}"));
    }
    named_in(function).unwrap_or_else(|| "libc, vdso, unknown".to_owned())
}

/// `core::fmt` of `core/fmt/num.rs`.
fn module(path: &str) -> String {
    let names: Vec<_> = path.split(['/', '.']).take(2).collect();
    names.join("::")
}

/// The first crate in the name of a function that is not the standard library.
fn named_in(function: &str) -> Option<String> {
    let is_of_path = |symbol: char| symbol.is_alphanumeric() || symbol == '_' || symbol == ':';
    let paths = function.split(|symbol| !is_of_path(symbol));
    paths.into_iter().find_map(|path| {
        let (root, rest) = path.split_once("::")?;
        match root {
            "" | "core" | "alloc" | "std" => None,
            "fetch" => {
                let module = rest.split("::").next().unwrap_or(rest);
                Some(format!("fetch::{module}"))
            }
            _ => Some(root.to_owned()),
        }
    })
}
