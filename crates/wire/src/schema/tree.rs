//! A schema as a tree: what its data look like, and nothing else.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

/// The most types that are nested in each other.
const DEPTH_MAX: usize = 24;
/// The most parts that a schema can have: types, symbols and aliases, those of named types counted wherever they stand.
/// What is worked out for a schema is bounded by it.
const WEIGHT_MAX: usize = 10_000;

/// A type, measured when it is made: a tree of shared types can be far larger and deeper than its text, so the bounds
/// hold before anything walks it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Types nested in it, itself counted.
    depth: usize,
    /// Parts, as far as they are named by [`WEIGHT_MAX`].
    weight: usize,
    /// False where its data can take no byte at all.
    sized: bool,
}

/// What a type is.
#[derive(Debug)]
pub(super) enum Kind {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed { name: Names, size: usize },
    Enum { name: Names, symbols: Vec<String>, default: Option<String> },
    Record { name: Names, fields: Vec<Field> },
    Array(Arc<Node>),
    Map(Arc<Node>),
    Union(Vec<Arc<Node>>),
}

/// What a named type or a field is called: its name without the namespace, and its aliases alike.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) name: String,
    pub(super) aliases: Vec<String>,
}

impl Names {
    /// True where one is an alias of the other or they are the same.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.name == other.name || self.aliases.contains(&other.name) || other.aliases.contains(&self.name)
    }
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: Names,
    pub(super) node: Arc<Node>,
    pub(super) default: Option<Value>,
}

/// Whose schema it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Of data that are read: defaults are not needed.
    Writer,
    /// Of the layout that they are brought into.
    Reader,
}

/// Reads the text of a schema.
pub(super) fn parse(text: &str, side: Side) -> Result<Arc<Node>, String> {
    let value: Value = serde_json::from_str(text).map_err(|_| "it is not JSON, or nested too deeply")?;
    let mut parser = Parser { side, named: HashMap::new(), open: Vec::new() };
    parser.node(&value, "", 0)
}

impl Node {
    fn new(kind: Kind) -> Result<Arc<Self>, String> {
        let inner: Vec<&Self> = match &kind {
            Kind::Record { fields, .. } => fields.iter().map(|f| &*f.node).collect(),
            Kind::Array(item) | Kind::Map(item) => vec![item],
            Kind::Union(branches) => branches.iter().map(|b| &**b).collect(),
            _ => Vec::new(),
        };
        let depth = 1 + inner.iter().map(|n| n.depth).max().unwrap_or(0);
        let own = 1 + match &kind {
            Kind::Fixed { name, .. } => name.aliases.len(),
            Kind::Enum { name, symbols, .. } => name.aliases.len() + symbols.len(),
            Kind::Record { name, fields } => {
                name.aliases.len() + fields.iter().map(|f| f.name.aliases.len()).sum::<usize>()
            }
            _ => 0,
        };
        let weight = inner.iter().fold(own, |sum: usize, n| sum.saturating_add(n.weight));
        let sized = match &kind {
            Kind::Null => false,
            Kind::Fixed { size, .. } => *size > 0,
            Kind::Record { .. } => inner.iter().any(|n| n.sized),
            _ => true,
        };
        if depth > DEPTH_MAX {
            return Err("its types are nested too deeply".to_owned());
        }
        if weight > WEIGHT_MAX {
            return Err("it has more parts than are taken".to_owned());
        }
        Ok(Arc::new(Self { kind, depth, weight, sized }))
    }
}

struct Parser {
    side: Side,
    named: HashMap<String, Arc<Node>>,
    /// Full names of the types that are being read: one that names itself is recursive.
    open: Vec<String>,
}

impl Parser {
    fn node(&mut self, value: &Value, space: &str, depth: usize) -> Result<Arc<Node>, String> {
        if depth > DEPTH_MAX {
            return Err("its types are nested too deeply".to_owned());
        }
        match value {
            Value::String(name) => self.name(name, space),
            Value::Array(branches) => self.union(branches, space, depth),
            Value::Object(object) => self.object(object, space, depth),
            _ => Err("a type is neither a name, a list nor an object".to_owned()),
        }
    }

    fn name(&self, name: &str, space: &str) -> Result<Arc<Node>, String> {
        Node::new(match name {
            "null" => Kind::Null,
            "boolean" => Kind::Boolean,
            "int" => Kind::Int,
            "long" => Kind::Long,
            "float" => Kind::Float,
            "double" => Kind::Double,
            "bytes" => Kind::Bytes,
            "string" => Kind::String,
            _ => {
                let full = full_name(name, space);
                if self.open.contains(&full) {
                    return Err("it is recursive".to_owned());
                }
                // A name that its own namespace does not have may be one without any.
                let node = self.named.get(&full).or_else(|| self.named.get(name));
                return node.cloned().ok_or_else(|| "it names a type that it does not define".to_owned());
            }
        })
    }

    fn union(&mut self, branches: &[Value], space: &str, depth: usize) -> Result<Arc<Node>, String> {
        let nodes: Vec<_> = branches.iter().map(|b| self.node(b, space, depth + 1)).collect::<Result<_, _>>()?;
        if nodes.is_empty() || nodes.iter().any(|n| matches!(n.kind, Kind::Union(_))) {
            return Err("a union is empty or holds a union".to_owned());
        }
        Node::new(Kind::Union(nodes))
    }

    fn object(&mut self, object: &Map<String, Value>, space: &str, depth: usize) -> Result<Arc<Node>, String> {
        let kind = object.get("type").ok_or("a type has no \"type\"")?;
        let Value::String(kind) = kind else { return self.node(kind, space, depth + 1) };
        match kind.as_str() {
            "array" => self.items(object, "items", space, depth).and_then(|n| Node::new(Kind::Array(n))),
            "map" => self.items(object, "values", space, depth).and_then(|n| Node::new(Kind::Map(n))),
            "record" | "error" | "enum" | "fixed" => self.definition(object, kind, space, depth),
            // A type with attributes, such as a logical type: its data are those of the type below.
            _ => self.name(kind, space),
        }
    }

    fn items(
        &mut self,
        object: &Map<String, Value>,
        key: &str,
        space: &str,
        depth: usize,
    ) -> Result<Arc<Node>, String> {
        let node = self.node(object.get(key).ok_or("an array or map has no type of items")?, space, depth + 1)?;
        // A map's items have keys of a byte or more.
        if key == "items" && !node.sized {
            return Err("it has an array of items without size".to_owned());
        }
        Ok(node)
    }

    fn definition(
        &mut self,
        object: &Map<String, Value>,
        kind: &str,
        space: &str,
        depth: usize,
    ) -> Result<Arc<Node>, String> {
        let given = text(object, "name").ok_or("a named type has no name")?;
        let space = match given.rsplit_once('.') {
            Some((space, _)) => space,
            None => text(object, "namespace").unwrap_or(space),
        };
        let full = full_name(given, space);
        if self.open.contains(&full) || self.named.contains_key(&full) {
            return Err("it defines a type twice".to_owned());
        }
        let name = names(object, given);
        self.open.push(full.clone());
        let node = match kind {
            "enum" => Kind::Enum {
                name,
                symbols: strings(object.get("symbols")),
                default: text(object, "default").map(str::to_owned),
            },
            "fixed" => {
                let size = object.get("size").and_then(Value::as_u64).and_then(|s| usize::try_from(s).ok());
                Kind::Fixed { name, size: size.ok_or("a fixed type has no size")? }
            }
            _ => Kind::Record { name, fields: self.fields(object, space, depth)? },
        };
        self.open.pop();
        let node = Node::new(node)?;
        self.named.insert(full, Arc::clone(&node));
        Ok(node)
    }

    fn fields(&mut self, object: &Map<String, Value>, space: &str, depth: usize) -> Result<Vec<Field>, String> {
        let fields = object.get("fields").and_then(Value::as_array).ok_or("a record has no fields")?;
        let read = |field: &Value| {
            let field = field.as_object().ok_or("a field is not an object")?;
            let name = text(field, "name").ok_or("a field has no name")?;
            let node = self.node(field.get("type").ok_or("a field has no type")?, space, depth + 1)?;
            // With it, the work on a datum is bounded by its bytes.
            if !node.sized {
                return Err("it has a field without data".to_owned());
            }
            let default = field.get("default").filter(|_| self.side == Side::Reader).cloned();
            Ok(Field { name: names(field, name), node, default })
        };
        fields.iter().map(read).collect()
    }
}

fn full_name(name: &str, space: &str) -> String {
    if space.is_empty() || name.contains('.') { name.to_owned() } else { format!("{space}.{name}") }
}

fn last_part(name: &str) -> String {
    name.rsplit_once('.').map_or(name, |(_, last)| last).to_owned()
}

fn names(object: &Map<String, Value>, name: &str) -> Names {
    let aliases = strings(object.get("aliases")).iter().map(|a| last_part(a)).collect();
    Names { name: last_part(name), aliases }
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str)
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// True where the data of the writer can be read as they are by who knows only the reader's schema: the same names in
/// the same places, and types with the same bytes.
pub(super) fn same_layout(writer: &Node, reader: &Node) -> bool {
    match (&writer.kind, &reader.kind) {
        (Kind::Null, Kind::Null)
        | (Kind::Boolean, Kind::Boolean)
        | (Kind::Int, Kind::Int | Kind::Long)
        | (Kind::Long, Kind::Long)
        | (Kind::Float, Kind::Float)
        | (Kind::Double, Kind::Double)
        | (Kind::Bytes | Kind::String, Kind::Bytes | Kind::String) => true,
        (Kind::Enum { name: a, symbols: x, .. }, Kind::Enum { name: b, symbols: y, .. }) => a.name == b.name && x == y,
        (Kind::Fixed { name: a, size: x }, Kind::Fixed { name: b, size: y }) => a.name == b.name && x == y,
        (Kind::Array(a), Kind::Array(b)) | (Kind::Map(a), Kind::Map(b)) => same_layout(a, b),
        (Kind::Union(a), Kind::Union(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_layout(a, b)),
        (Kind::Record { name: a, fields: x }, Kind::Record { name: b, fields: y }) => {
            a.name == b.name
                && x.len() == y.len()
                && x.iter().zip(y).all(|(x, y)| x.name.name == y.name.name && same_layout(&x.node, &y.node))
        }
        _ => false,
    }
}

/// The type of no data.
pub(super) fn nothing() -> Arc<Node> {
    Arc::new(Node { kind: Kind::Null, depth: 1, weight: 1, sized: false })
}
