//! The layers of the source hold: no import runs upwards, no two files import each other, and what
//! differs between systems stands in `src/sys/` alone.
//!
//! The check reads the imports as the compiler does: `crate::`, `super::` and `self::` are resolved,
//! and a name that a `mod.rs` re-exports counts as an import of the file that defines it. Code that is
//! compiled for tests only is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree};

/// The folders and root files of `src`, each with its layer. A file may import from lower layers and
/// from its own folder. `config` stands above `cli`, whose arguments it reads.
const LAYERS: [(&str, usize); 12] = [
    ("main", 6),
    ("lib", 6),
    ("run", 5),
    ("config", 4),
    ("cli", 3),
    ("engine", 2),
    ("report", 2),
    ("input", 1),
    ("http", 1),
    ("save", 1),
    ("model", 0),
    ("sys", 0),
];

/// What only some systems have, as it begins in the source.
const SYSTEM_SPECIFIC: [&str; 8] = [
    "ctor_lite",
    "rustix",
    "libc",
    "std::os",
    "tokio::net::unix",
    "tokio::signal::unix",
    "cfg(unix)",
    "target_os",
];

/// A path in the source, its segments in order.
type ModulePath = Vec<String>;

/// One file, parsed.
struct Source {
    /// Its path below `src`.
    file: String,
    module: ModulePath,
    syntax: syn::File,
}

/// A file that imports from another: (importing file, imported file).
type Import = (String, String);

/// The module that a file below `src` is.
fn module_of(file: &str) -> ModulePath {
    let stem = file.strip_suffix(".rs").unwrap();
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    match stem {
        "lib" => Vec::new(),
        stem => stem.split('/').map(str::to_owned).collect(),
    }
}

fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && matches!(&attribute.meta, syn::Meta::List(list) if list.tokens.to_string() == "test")
    })
}

/// The source of a crate.
struct Crate {
    sources: Vec<Source>,
    /// The file of each module.
    files: BTreeMap<ModulePath, String>,
    /// What each module re-exports: (module, name) and the path it stands for.
    reexports: BTreeMap<(ModulePath, String), ModulePath>,
}

impl Crate {
    /// Parses `files`: (path below `src`, text).
    fn parse(files: &[(String, String)]) -> Self {
        let mut sources: Vec<_> = files
            .iter()
            .map(|(file, text)| Source {
                file: file.clone(),
                module: module_of(file),
                syntax: syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}")),
            })
            .collect();
        let test_only: BTreeSet<ModulePath> = sources
            .iter()
            .flat_map(|source| {
                let modules = source.syntax.items.iter().filter_map(|item| match item {
                    Item::Mod(module) if is_test_only(&module.attrs) => Some(module),
                    _ => None,
                });
                modules.map(|module| [&source.module[..], &[module.ident.to_string()]].concat())
            })
            .collect();
        sources.retain(|source| {
            !test_only
                .iter()
                .any(|module| source.module.starts_with(module))
        });
        let mut this = Self {
            files: sources
                .iter()
                .map(|source| (source.module.clone(), source.file.clone()))
                .collect(),
            sources,
            reexports: BTreeMap::new(),
        };
        let reexports = this.sources.iter().flat_map(|source| {
            let uses = source.syntax.items.iter().filter_map(|item| match item {
                Item::Use(item) if !matches!(item.vis, syn::Visibility::Inherited) => Some(item),
                _ => None,
            });
            uses.flat_map(|item| leaves(&item.tree))
                .filter_map(|(path, name)| Some((this.absolute(&source.module, &path)?, name)))
                .map(|(path, name)| ((source.module.clone(), name), path))
        });
        this.reexports = reexports.collect();
        this
    }

    /// `path`, as it stands in `module`, from the root of the crate; `None` where it leads outside.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<ModulePath> {
        let mut base = module.to_vec();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" | "fetch" => {
                base.clear();
                rest = &path[1..];
            }
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|segment| segment == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            child => {
                base.push(child.to_owned());
                if !self.files.contains_key(&base) {
                    return None;
                }
                rest = &path[1..];
            }
        }
        Some([&base[..], rest].concat())
    }

    /// The file that defines what `path` leads to, through re-exports.
    fn defining_file(&self, path: &[String]) -> Option<&str> {
        let known = (0..=path.len())
            .rev()
            .find(|&end| self.files.contains_key(&path[..end]))?;
        let (module, rest) = path.split_at(known);
        if let Some(name) = rest.first()
            && let Some(target) = self.reexports.get(&(module.to_vec(), name.clone()))
            && target[..] != *path
        {
            return self.defining_file(&[&target[..], &rest[1..]].concat());
        }
        self.files.get(module).map(String::as_str)
    }

    /// Every import between files, the re-exports of `mod.rs` and `lib.rs` excepted.
    fn imports(&self) -> BTreeSet<Import> {
        let mut imports = BTreeSet::new();
        for source in &self.sources {
            let mut paths = Paths {
                is_root: source.file.ends_with("mod.rs") || source.file == "lib.rs",
                module: source.module.clone(),
                source: self,
                names: BTreeMap::new(),
                found: Vec::new(),
            };
            paths.visit_file(&source.syntax);
            let files = paths
                .found
                .iter()
                .filter_map(|path| self.defining_file(path));
            imports.extend(
                files
                    .filter(|file| *file != source.file && *file != "lib.rs")
                    .map(|file| (source.file.clone(), file.to_owned())),
            );
        }
        imports
    }
}

/// The paths of a `use` tree, each with the name it is imported as.
fn leaves(tree: &UseTree) -> Vec<(ModulePath, String)> {
    match tree {
        UseTree::Path(path) => leaves(&path.tree)
            .into_iter()
            .map(|(rest, name)| {
                let rest = if rest == ["self"] { Vec::new() } else { rest };
                let name = if name == "self" {
                    path.ident.to_string()
                } else {
                    name
                };
                ([&[path.ident.to_string()][..], &rest].concat(), name)
            })
            .collect(),
        UseTree::Name(name) => vec![(vec![name.ident.to_string()], name.ident.to_string())],
        UseTree::Rename(rename) => {
            vec![(vec![rename.ident.to_string()], rename.rename.to_string())]
        }
        UseTree::Glob(_) => vec![(vec!["*".to_owned()], "*".to_owned())],
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
    }
}

/// Collects the paths in a file that lead into the crate.
struct Paths<'a> {
    /// Whether the file only declares modules, so that its re-exports do not count.
    is_root: bool,
    module: ModulePath,
    source: &'a Crate,
    /// What was imported under which name: `use super::redirect;`, then `redirect::target`.
    names: BTreeMap<String, ModulePath>,
    found: Vec<ModulePath>,
}

impl Visit<'_> for Paths<'_> {
    fn visit_item_mod(&mut self, item: &ItemMod) {
        if is_test_only(&item.attrs) {
            return;
        }
        let Some((_, items)) = &item.content else {
            return;
        };
        self.module.push(item.ident.to_string());
        for item in items {
            self.visit_item(item);
        }
        self.module.pop();
    }

    fn visit_item(&mut self, item: &Item) {
        let attributes = match item {
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test_only(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &ItemUse) {
        let is_reexport = !matches!(item.vis, syn::Visibility::Inherited);
        for (path, name) in leaves(&item.tree) {
            let Some(path) = self.source.absolute(&self.module, &path) else {
                continue;
            };
            if !(self.is_root && is_reexport) {
                self.found.push(path.clone());
            }
            self.names.insert(name, path);
        }
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let segments: ModulePath = path
            .segments
            .iter()
            .map(|part| part.ident.to_string())
            .collect();
        let absolute = match segments[0].as_str() {
            "crate" | "super" | "self" if segments.len() > 1 => {
                self.source.absolute(&self.module, &segments)
            }
            first => self
                .names
                .get(first)
                .map(|base| [&base[..], &segments[1..]].concat()),
        };
        self.found.extend(absolute);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &syn::Macro) {
        for path in paths_of_tokens(item.tokens.clone()) {
            if let Ok(path) = syn::parse_str::<syn::Path>(&path) {
                self.visit_path(&path);
            }
        }
        visit::visit_macro(self, item);
    }
}

/// What looks like a path of several segments among the tokens of a macro.
fn paths_of_tokens(tokens: TokenStream) -> Vec<String> {
    let mut paths = Vec::new();
    let mut path = String::new();
    for token in tokens {
        match token {
            TokenTree::Ident(ident) if path.is_empty() || path.ends_with("::") => {
                path.push_str(&ident.to_string());
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => path.push(':'),
            other => {
                paths.push(std::mem::take(&mut path));
                match other {
                    TokenTree::Ident(ident) => path.push_str(&ident.to_string()),
                    TokenTree::Group(group) => paths.extend(paths_of_tokens(group.stream())),
                    _ => {}
                }
            }
        }
    }
    paths.push(path);
    paths.retain(|path| path.contains("::") && !path.ends_with(':'));
    paths
}

/// The folder of `file`, or its name where it stands in none.
fn folder(file: &str) -> &str {
    let (folder, _) = file.split_once('/').unwrap_or((file, ""));
    folder.strip_suffix(".rs").unwrap_or(folder)
}

fn layer(file: &str) -> usize {
    let folder = folder(file);
    let found = LAYERS.iter().find(|(name, _)| *name == folder);
    found
        .unwrap_or_else(|| panic!("{file}: the layer of {folder} is not known"))
        .1
}

/// What is wrong with the layers of `files`, a line each.
fn faults(files: &[(String, String)]) -> Vec<String> {
    let imports = Crate::parse(files).imports();
    let mut faults = Vec::new();
    for (from, to) in &imports {
        if folder(from) != folder(to) && layer(from) <= layer(to) {
            faults.push(format!("{from} imports {to}, which is not below it"));
        }
        if from < to && imports.contains(&(to.clone(), from.clone())) {
            faults.push(format!("{from} and {to} import each other"));
        }
    }
    for (file, text) in files.iter().filter(|(file, _)| folder(file) != "sys") {
        for (number, line) in (1..).zip(text.lines()) {
            let code = line.split("//").next().unwrap_or_default();
            let is_word =
                |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            for word in SYSTEM_SPECIFIC {
                if code.match_indices(word).any(|(at, _)| is_word(at)) {
                    faults.push(format!("{file}:{number}: {word} belongs into src/sys"));
                }
            }
        }
    }
    faults
}

/// Every file below `folder`, its path below `root`, and its text.
fn read(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap();
            let name = name.to_str().unwrap().replace('\\', "/");
            files.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn imports_run_downwards_and_systems_differ_in_one_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    read(&root, &root, &mut files);
    assert!(files.len() > 50, "{} files", files.len());
    let faults = faults(&files);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn each_kind_of_fault_is_found() {
    let tree = |extra: &[(&str, &str)]| {
        let files = [
            (
                "lib.rs",
                "mod engine; mod http; mod model; mod run; mod sys;",
            ),
            ("model/mod.rs", "mod url; pub use url::Url;"),
            ("model/url.rs", "pub struct Url;"),
            ("http/mod.rs", "mod body; mod clock; pub use body::Body;"),
            (
                "http/body.rs",
                "use super::clock::Clock; use crate::model::Url; pub struct Body;",
            ),
            ("http/clock.rs", "pub struct Clock;"),
            ("engine/mod.rs", "use crate::http::Body;"),
            ("run/mod.rs", "use crate::{engine, http::Body};"),
            ("sys/mod.rs", "use rustix::fs::flock;"),
        ];
        let mut files: BTreeMap<_, _> = files.into_iter().collect();
        files.extend(extra.iter().copied());
        let files: Vec<_> = files
            .into_iter()
            .map(|(file, text)| (file.to_owned(), text.to_owned()))
            .collect();
        faults(&files)
    };
    assert_eq!(tree(&[]), [""; 0]);
    for (file, text, fault) in [
        (
            "model/url.rs",
            "use crate::engine; pub struct Url;",
            "model/url.rs imports engine/mod.rs, which is not below it",
        ),
        (
            "model/url.rs",
            "pub struct Url(crate::http::clock::Clock);",
            "model/url.rs imports http/clock.rs, which is not below it",
        ),
        (
            "http/clock.rs",
            "use crate::engine; pub struct Clock; fn f() { assert!(engine::x()) }",
            "http/clock.rs imports engine/mod.rs, which is not below it",
        ),
        (
            "http/clock.rs",
            "use super::Body; pub struct Clock;",
            "http/body.rs and http/clock.rs import each other",
        ),
        (
            "http/clock.rs",
            "pub struct Clock; fn f() { vec![super::body::x()]; }",
            "http/body.rs and http/clock.rs import each other",
        ),
        (
            "http/clock.rs",
            "use std::os::fd::AsFd; pub struct Clock;",
            "http/clock.rs:1: std::os belongs into src/sys",
        ),
        (
            "http/clock.rs",
            "#[cfg(unix)] pub struct Clock;",
            "http/clock.rs:1: cfg(unix) belongs into src/sys",
        ),
    ] {
        assert_eq!(tree(&[(file, text)]), [fault], "{file}: {text}");
    }
    let test_only = "pub struct Clock; #[cfg(test)] mod tests { use crate::engine::x; }";
    assert_eq!(tree(&[("http/clock.rs", test_only)]), [""; 0]);
}
