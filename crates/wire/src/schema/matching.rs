//! How each part of a writer's data becomes one of the reader's: worked out once for a pair of schemas.

use std::sync::Arc;

use serde_json::Value;

use super::tree::{Field, Kind, Node};
use crate::avro::{put_bool, put_bytes, put_len, put_long};

/// What to do with the writer's next value.
#[derive(Debug)]
pub(super) enum Op {
    /// Nothing is written and nothing is read.
    Null,
    Boolean,
    /// An int or long; true: it must fit an int.
    Long {
        narrow: bool,
    },
    LongToFloat,
    LongToDouble,
    Float,
    FloatToDouble,
    Double,
    Bytes,
    Fixed(usize),
    /// The reader's place for each of the writer's symbols.
    Enum(Vec<Option<usize>>),
    Array(Box<Op>),
    Map(Box<Op>),
    /// What to do with each of the writer's branches; `None`: the reader has no such branch.
    Branches(Vec<Option<Op>>),
    /// Into this branch of the reader's union.
    Into(usize, Box<Op>),
    /// A record whose fields the reader has in the writer's order.
    Record(Vec<FieldOp>),
    /// A record whose fields the reader has in another order: the writer's fields, then for each of the reader's.
    Reordered(Vec<Arc<Node>>, Vec<Source>),
}

/// What to do next in a record.
#[derive(Debug)]
pub(super) enum FieldOp {
    /// A field of both.
    Take(Op),
    /// A field of the writer's only.
    Skip(Arc<Node>),
    /// A field of the reader's only: its default.
    Put(Vec<u8>),
}

/// Where a field of the reader's comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// The writer's field at this place.
    Field(usize, Op),
    /// Its default.
    Default(Vec<u8>),
}

/// What turns the writer's data into the reader's; the error says why nothing can.
pub(super) fn resolve(writer: &Node, reader: &Node) -> Result<Op, String> {
    match (&writer.kind, &reader.kind) {
        (Kind::Union(branches), _) => from_union(branches, reader),
        (_, Kind::Union(branches)) => into_union(writer, branches),
        (Kind::Null, Kind::Null) => Ok(Op::Null),
        (Kind::Boolean, Kind::Boolean) => Ok(Op::Boolean),
        (Kind::Int, Kind::Int) => Ok(Op::Long { narrow: true }),
        (Kind::Int | Kind::Long, Kind::Long) => Ok(Op::Long { narrow: false }),
        (Kind::Int | Kind::Long, Kind::Float) => Ok(Op::LongToFloat),
        (Kind::Int | Kind::Long, Kind::Double) => Ok(Op::LongToDouble),
        (Kind::Float, Kind::Float) => Ok(Op::Float),
        (Kind::Float, Kind::Double) => Ok(Op::FloatToDouble),
        (Kind::Double, Kind::Double) => Ok(Op::Double),
        (Kind::Bytes | Kind::String, Kind::Bytes | Kind::String) => Ok(Op::Bytes),
        (Kind::Fixed { name: a, size }, Kind::Fixed { name: b, size: other }) if a.meets(b) && size == other => {
            Ok(Op::Fixed(*size))
        }
        (Kind::Array(a), Kind::Array(b)) => resolve(a, b).map(Box::new).map(Op::Array),
        (Kind::Map(a), Kind::Map(b)) => resolve(a, b).map(Box::new).map(Op::Map),
        (Kind::Enum { name: a, symbols, .. }, Kind::Enum { name: b, symbols: known, default }) if a.meets(b) => {
            let place = |symbol: &String| known.iter().position(|k| k == symbol);
            let other = default.as_ref().and_then(place);
            Ok(Op::Enum(symbols.iter().map(|s| place(s).or(other)).collect()))
        }
        (Kind::Record { name: a, fields: from }, Kind::Record { name: b, fields: into }) if a.meets(b) => {
            record(from, into)
        }
        (Kind::Record { .. }, Kind::Record { name, .. }) => Err(format!("it is not of the record {}", name.name)),
        _ => Err("a type cannot be read as the one wanted".to_owned()),
    }
}

/// Branches that the reader does not know are refused only when they come: the writer may be ahead.
fn from_union(branches: &[Arc<Node>], reader: &Node) -> Result<Op, String> {
    let mut refusal = None;
    let mut ops = Vec::with_capacity(branches.len());
    for branch in branches {
        match resolve(branch, reader) {
            Ok(op) => ops.push(Some(op)),
            Err(reason) => {
                ops.push(None);
                refusal.get_or_insert(reason);
            }
        }
    }
    match refusal {
        Some(reason) if ops.iter().all(Option::is_none) => Err(reason),
        _ => Ok(Op::Branches(ops)),
    }
}

/// The first branch with the writer's name or its very type; else the first that it can become.
fn into_union(writer: &Node, branches: &[Arc<Node>]) -> Result<Op, String> {
    let same = branches.iter().position(|branch| is_same(writer, branch));
    let mut reason = "the union wanted has no branch for it".to_owned();
    for at in same.into_iter().chain(0..branches.len()) {
        match resolve(writer, &branches[at]) {
            Ok(op) => return Ok(Op::Into(at, Box::new(op))),
            Err(why) if same == Some(at) => reason = why,
            Err(_) => {}
        }
    }
    Err(reason)
}

fn is_same(writer: &Node, branch: &Node) -> bool {
    match (&writer.kind, &branch.kind) {
        (Kind::Record { name: a, .. }, Kind::Record { name: b, .. })
        | (Kind::Enum { name: a, .. }, Kind::Enum { name: b, .. })
        | (Kind::Fixed { name: a, .. }, Kind::Fixed { name: b, .. }) => a.name == b.name,
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

fn record(from: &[Field], into: &[Field]) -> Result<Op, String> {
    let sources: Vec<_> = into.iter().map(|field| source(field, from)).collect::<Result<_, _>>()?;
    let places: Vec<_> = sources
        .iter()
        .filter_map(|s| match s {
            Source::Field(at, _) => Some(*at),
            Source::Default(_) => None,
        })
        .collect();
    if !places.is_sorted_by(|a, b| a < b) {
        return Ok(Op::Reordered(from.iter().map(|f| Arc::clone(&f.node)).collect(), sources));
    }
    let mut steps = Vec::with_capacity(from.len() + into.len());
    let mut next = 0;
    for source in sources {
        match source {
            Source::Default(bytes) => steps.push(FieldOp::Put(bytes)),
            Source::Field(at, op) => {
                steps.extend(from[next..at].iter().map(|f| FieldOp::Skip(Arc::clone(&f.node))));
                steps.push(FieldOp::Take(op));
                next = at + 1;
            }
        }
    }
    steps.extend(from[next..].iter().map(|f| FieldOp::Skip(Arc::clone(&f.node))));
    Ok(Op::Record(steps))
}

fn source(field: &Field, from: &[Field]) -> Result<Source, String> {
    let name = &field.name.name;
    let named = from.iter().position(|f| f.name.name == *name);
    let Some(at) = named.or_else(|| from.iter().position(|f| f.name.meets(&field.name))) else {
        let default = field.default.as_ref().ok_or_else(|| format!("it lacks the field {name}"))?;
        let mut bytes = Vec::new();
        put_default(&mut bytes, &field.node, default).ok_or_else(|| format!("the default of {name} is no value"))?;
        return Ok(Source::Default(bytes));
    };
    let op = resolve(&from[at].node, &field.node).map_err(|reason| format!("{name}: {reason}"))?;
    Ok(Source::Field(at, op))
}

/// Puts a default of the reader's as a value; `None` where it is none of that type.
fn put_default(out: &mut Vec<u8>, node: &Node, value: &Value) -> Option<()> {
    match &node.kind {
        Kind::Null => value.as_null()?,
        Kind::Boolean => put_bool(out, value.as_bool()?),
        Kind::Int | Kind::Long => put_long(out, value.as_i64()?),
        #[allow(clippy::cast_possible_truncation)]
        Kind::Float => out.extend((value.as_f64()? as f32).to_le_bytes()),
        Kind::Double => out.extend(value.as_f64()?.to_le_bytes()),
        Kind::Bytes | Kind::String => put_bytes(out, value.as_str()?.as_bytes()),
        Kind::Fixed { .. } => return None,
        Kind::Enum { symbols, .. } => {
            let symbol = value.as_str()?;
            put_len(out, symbols.iter().position(|s| s == symbol)?);
        }
        Kind::Array(item) => {
            let items = value.as_array()?;
            if !items.is_empty() {
                put_len(out, items.len());
                items.iter().try_for_each(|i| put_default(out, item, i))?;
            }
            out.push(0);
        }
        Kind::Map(_) => {
            if !value.as_object()?.is_empty() {
                return None;
            }
            out.push(0);
        }
        Kind::Union(branches) => {
            put_len(out, 0);
            put_default(out, branches.first()?, value)?;
        }
        Kind::Record { fields, .. } => {
            let object = value.as_object()?;
            for field in fields {
                let value = object.get(&field.name.name).or(field.default.as_ref())?;
                put_default(out, &field.node, value)?;
            }
        }
    }
    Some(())
}
