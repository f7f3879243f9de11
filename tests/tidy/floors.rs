//! Floors: modules import lower floors only, and no two folders import each other.
//!
//! The graph is computed from every path in the code of each crate (`crate::`, `super::`, `self::`;
//! not in tests). Nodes are the top modules of a crate, and within a folder its subfolders; a
//! folder and its own subfolders are one. Between crates Cargo forbids circles, except through
//! dev-dependencies, which are read from the manifests here.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree;

/// Who imports what: node -> node -> the first place where it does.
type Graph = BTreeMap<String, BTreeMap<String, String>>;

/// One source file of a crate.
struct Module {
    /// Path of the file.
    file: String,
    /// Path of the module, without the crate; empty for `lib.rs` and `main.rs`.
    path: Vec<String>,
    /// Code without comments, strings and tests.
    code: String,
}

/// Source folders of the program and of every library crate.
fn crates() -> Vec<String> {
    let mut found = vec!["src".to_owned()];
    for file in tree::files(&["crates"], &["Cargo.toml"]) {
        found.push(file.path.replace("Cargo.toml", "src"));
    }
    found
}

/// The modules below a source folder, without those that are tests.
fn modules(src: &str) -> Vec<Module> {
    let is_test = |path: &str| path.ends_with("tests.rs") || path.contains("/tests/");
    let files = tree::files(&[src], &[".rs"]).into_iter().filter(|file| !is_test(&file.path));
    let module = |file: tree::File| {
        let inside = file.path[src.len() + 1..].trim_end_matches(".rs");
        let path = inside.split('/').filter(|name| !matches!(*name, "lib" | "main" | "mod"));
        let path = path.map(str::to_owned).collect();
        Module { path, code: without_tests(&tree::code(&file.text)).to_owned(), file: file.path }
    };
    files.map(module).collect()
}

/// Code without the inline tests at the end of a file.
fn without_tests(code: &str) -> &str {
    code.find("#[cfg(test)]\nmod tests {").map_or(code, |at| &code[..at])
}

/// Every path in the code of a module that begins in its crate, resolved, with its line.
fn imports(of: &Module) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in of.code.match_indices(start) {
            let before = of.code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let line = of.code[..at].matches('\n').count() + 1;
            let mut paths = Vec::new();
            paths_of(&of.code[at..], &mut Vec::new(), &mut paths);
            found.extend(paths.into_iter().map(|path| (line, resolve(&path, &of.path))));
        }
    }
    found
}

/// Reads one path, or a tree of them (`a::{b, c::d}`), and returns what follows it.
fn paths_of<'a>(code: &'a str, begun: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let depth = begun.len();
    let mut rest = code.trim_start();
    loop {
        if let Some(group) = rest.strip_prefix('{') {
            rest = group.trim_start();
            while !rest.is_empty() && !rest.starts_with('}') {
                rest = paths_of(rest, begun, found);
                // `as name` and `*` are no paths.
                rest = &rest[rest.find([',', '}']).unwrap_or(rest.len())..];
                rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
            }
            rest = rest.strip_prefix('}').unwrap_or(rest);
            break;
        }
        let name = word(rest);
        rest = &rest[name.len()..];
        if name.is_empty() {
            break;
        }
        begun.push(name);
        match rest.strip_prefix("::") {
            Some(more) => rest = more,
            None => {
                found.push(begun.clone());
                break;
            }
        }
    }
    begun.truncate(depth);
    rest
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// A path from the root of the crate, as seen from the module `from`.
fn resolve(path: &[String], from: &[String]) -> Vec<String> {
    let ups = path.iter().take_while(|name| *name == "super").count();
    let base: &[String] = match path.first().map(String::as_str) {
        Some("crate") => &[],
        _ => &from[..from.len().saturating_sub(ups)],
    };
    let names = path.iter().filter(|name| !matches!(name.as_str(), "crate" | "self" | "super"));
    base.iter().chain(names).cloned().collect()
}

/// The graphs of one crate: that of its top modules, and that of the subfolders of each folder.
fn graphs(src: &str) -> BTreeMap<Vec<String>, Graph> {
    let modules = modules(src);
    let paths: BTreeSet<&[String]> = modules.iter().map(|module| &*module.path).collect();
    // A node is a top module, or a folder: a module that has others in it.
    let is_node = |path: &[String]| {
        path.len() == 1 || paths.iter().any(|p| p.len() > path.len() && p.starts_with(path))
    };
    let mut graphs: BTreeMap<Vec<String>, Graph> = BTreeMap::new();
    for path in paths.iter().flat_map(|path| (1..=path.len()).map(|len| &path[..len])) {
        if is_node(path) {
            let (name, folder) = path.split_last().expect("it has a name");
            graphs.entry(folder.to_vec()).or_default().entry(name.clone()).or_default();
        }
    }
    for module in &modules {
        for (line, target) in imports(module) {
            let common = target.iter().zip(&module.path).take_while(|(a, b)| a == b).count();
            let node = |path: &[String]| {
                path.get(..=common)
                    .filter(|path| paths.iter().any(|p| p.starts_with(path)))
                    .filter(|path| is_node(path))
                    .map(|path| path[common].clone())
            };
            if let (Some(from), Some(to)) = (node(&module.path), node(&target)) {
                let graph = graphs.entry(target[..common].to_vec()).or_default();
                let place = || format!("{}:{line}", module.file);
                graph.entry(from).or_default().entry(to).or_insert_with(place);
            }
        }
    }
    graphs
}

/// The crates of the workspace and their dependencies among each other, of every kind.
fn manifests() -> Graph {
    let mut files = tree::files(&["crates", "xtask"], &["Cargo.toml"]);
    files.extend(tree::files(&["Cargo.toml"], &["Cargo.toml"]));
    let named: Vec<(String, tree::File)> = files
        .into_iter()
        .filter_map(|file| {
            let name = file.text.lines().find_map(|line| line.strip_prefix("name = \""))?;
            Some((name.trim_end_matches('"').to_owned(), file))
        })
        .collect();
    let names: BTreeSet<String> = named.iter().map(|(name, _)| name.clone()).collect();
    let edges = |file: &tree::File| {
        let mut section = String::new();
        let mut found = BTreeMap::new();
        for (line, number) in file.text.lines().zip(1..) {
            if line.starts_with('[') {
                section = line.to_owned();
            }
            let name: String =
                line.chars().take_while(|c| c.is_alphanumeric() || *c == '-').collect();
            if section.contains("dependencies]") && names.contains(&name) {
                found.insert(name, format!("{}:{number}", file.path));
            }
        }
        found
    };
    named.iter().map(|(name, file)| (name.clone(), edges(file))).collect()
}

/// Nodes that reach each other, as one line for each circle: its imports with their places.
fn circles(graph: &Graph) -> Vec<String> {
    let reach = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut open = vec![from.clone()];
        while let Some(node) = open.pop() {
            let next = graph.get(&node).into_iter().flat_map(|edges| edges.keys());
            open.extend(next.filter(|next| seen.insert((*next).clone())).cloned());
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> =
        graph.keys().map(|node| (node, reach(node))).collect();
    let mut done = BTreeSet::new();
    let mut found = Vec::new();
    for (node, reaches) in &reached {
        let back = |other: &&String| reached.get(*other).is_some_and(|r| r.contains(*node));
        let circle: Vec<&String> = reaches.iter().filter(back).collect();
        if circle.is_empty() || !done.insert(circle.clone()) {
            continue;
        }
        let places = circle.iter().flat_map(|from| {
            let inside = graph[*from].iter().filter(|(to, _)| circle.contains(to));
            inside.map(move |(to, place)| format!("{from} -> {to} ({place})"))
        });
        found.push(places.collect::<Vec<_>>().join(", "));
    }
    found
}

/// Module -> floor, from the words after `Floors` in a lib.rs: ``F0 [`post`] [`clock`]; F1 ...``;
/// none where it states none.
fn floors(src: &str) -> Option<BTreeMap<String, u32>> {
    let path = format!("{src}/lib.rs");
    if !tree::root().join(&path).exists() {
        return None;
    }
    let text = tree::read(&path);
    let docs: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("//!")).collect();
    let docs = docs.join(" ");
    let (_, list) = docs.split_once("Floors")?;
    let (list, _) = list.split_once(". ").expect("the list of floors ends with a full stop");
    let mut found = BTreeMap::new();
    let mut floor = None;
    for word in list.split([' ', ';', '.', ',', ':']) {
        if let Some(number) = word.strip_prefix('F').and_then(|number| number.parse().ok()) {
            floor = Some(number);
        } else if let Some(name) = word.strip_prefix("[`").and_then(|name| name.strip_suffix("`]"))
        {
            found.insert(name.to_owned(), floor.expect("a floor precedes its modules"));
        }
    }
    Some(found)
}

#[test]
fn no_circles_between_folders() {
    let mut nodes = 0;
    let mut broken = Vec::new();
    for src in crates() {
        for graph in graphs(&src).values() {
            nodes += graph.len();
            broken.extend(circles(graph));
        }
    }
    let manifests = manifests();
    broken.extend(circles(&manifests));
    println!("{} circles between {nodes} folders, {} crates", broken.len(), manifests.len());
    assert!(nodes > 20, "only {nodes} folders were found");
    tree::nothing(&format!("{} circles between {nodes} folders", broken.len()), &broken);
}

#[test]
fn modules_import_lower_floors_only() {
    assert!(floors("src").is_some(), "src/lib.rs states the floors");
    let mut broken = Vec::new();
    for src in crates() {
        let Some(floors) = floors(&src) else { continue };
        let top = &graphs(&src)[&Vec::new()];
        for (from, edges) in top {
            let Some(own) = floors.get(from) else {
                broken.push(format!("{src}/lib.rs: states no floor of `{from}`"));
                continue;
            };
            for (to, place) in edges {
                let above = floors.get(to).filter(|floor| *floor >= own);
                broken.extend(
                    above.map(|floor| {
                        format!("{place}: `{from}` (F{own}) imports `{to}` (F{floor})")
                    }),
                );
            }
        }
        let gone = floors.keys().filter(|name| !top.contains_key(*name));
        broken.extend(gone.map(|name| format!("{src}/lib.rs: there is no module `{name}`")));
    }
    tree::nothing("a module imports lower floors only", &broken);
}

#[test]
fn engines_never_import_each_other() {
    let engines = ["embedded", "counted", "spark"];
    let mut broken = Vec::new();
    let mut looked_at = 0;
    for file in tree::files(&["src/engine"], &[".rs"]) {
        let path = file.path.trim_start_matches("src/engine/");
        let own = path.split(['/', '.']).next().unwrap_or_default();
        if !engines.contains(&own) {
            continue;
        }
        looked_at += 1;
        for other in engines.iter().filter(|other| **other != own) {
            if tree::code(&file.text).contains(&format!("engine::{other}")) {
                broken.push(format!("{} names `engine::{other}`", file.path));
            }
        }
    }
    assert!(looked_at >= 5, "{looked_at} files of engines");
    tree::nothing("engines never import each other", &broken);
}

#[test]
fn imports_are_read_in_every_form() {
    let code = "use crate::post::{A, B};\nuse crate::{\n  rank::{Mode, x::y as z}, clock,\n};\n\
        use super::super::job::Plan;\nfn f() -> crate::sink::SinkError { self::g(super::*) }";
    let path = ["source", "x", "rules"].map(str::to_owned).to_vec();
    let module = Module { file: String::new(), path, code: code.to_owned() };
    let found = imports(&module);
    let names: Vec<String> = found.iter().map(|(_, path)| path.join("::")).collect();
    let wanted = [
        "post::A",
        "post::B",
        "rank::Mode",
        "rank::x::y",
        "clock",
        "sink::SinkError",
        "source::job::Plan",
        "source::x::rules::g",
    ];
    assert_eq!(names, wanted);
    assert_eq!(found[5].0, 6);
}

#[test]
fn a_circle_is_found_with_its_places() {
    let edge = |to: &str, place: &str| (to.to_owned(), place.to_owned());
    let graph: Graph = [
        ("a", vec![edge("b", "a.rs:1")]),
        ("b", vec![edge("c", "b.rs:2")]),
        ("c", vec![edge("a", "c.rs:3"), edge("d", "c.rs:4")]),
        ("d", vec![]),
    ]
    .into_iter()
    .map(|(from, edges)| (from.to_owned(), edges.into_iter().collect()))
    .collect();
    assert_eq!(circles(&graph), ["a -> b (a.rs:1), b -> c (b.rs:2), c -> a (c.rs:3)"]);
}
