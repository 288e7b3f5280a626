//! A writer's datum, brought into the reader's layout. What comes out is as long as what went in and the defaults
//! together; every count is checked against the bytes that are left.

use super::matching::{FieldOp, Op, Source};
use super::tree::{Kind, Node};
use crate::avro::{Fault, Reader, put_bool, put_bytes, put_len, put_long};

/// The longest datum that comes out: items of a byte can have defaults of many.
const OUT_MAX: usize = 16 << 20;

type Done = Result<(), Fault>;

/// Appends the whole datum in the reader's layout.
pub(super) fn run(op: &Op, datum: &[u8], out: &mut Vec<u8>) -> Done {
    let mut r = Reader::new(datum);
    value(op, &mut r, out)?;
    r.end()
}

fn value(op: &Op, r: &mut Reader<'_>, out: &mut Vec<u8>) -> Done {
    match op {
        Op::Null => {}
        Op::Boolean => put_bool(out, r.boolean()?),
        Op::Long { narrow: true } => put_long(out, i64::from(r.int()?)),
        Op::Long { narrow: false } => put_long(out, r.long()?),
        #[allow(clippy::cast_precision_loss)]
        Op::LongToFloat => out.extend((r.long()? as f32).to_le_bytes()),
        #[allow(clippy::cast_precision_loss)]
        Op::LongToDouble => out.extend((r.long()? as f64).to_le_bytes()),
        Op::Float => out.extend(r.float()?.to_le_bytes()),
        Op::FloatToDouble => out.extend(f64::from(r.float()?).to_le_bytes()),
        Op::Double => out.extend(r.double()?.to_le_bytes()),
        Op::Bytes => put_bytes(out, r.bytes()?),
        Op::Fixed(size) => out.extend_from_slice(r.take(*size)?),
        Op::Enum(places) => put_len(out, places[r.symbol(places.len())?].ok_or(Fault::BadEnum)?),
        Op::Array(item) => items(r, out, |r, out| value(item, r, out))?,
        Op::Map(item) => items(r, out, |r, out| {
            put_bytes(out, r.bytes()?);
            value(item, r, out)
        })?,
        Op::Branches(branches) => {
            let branch = branches[r.branch(branches.len())?].as_ref();
            value(branch.ok_or(Fault::BadUnion)?, r, out)?;
        }
        Op::Into(branch, op) => {
            put_len(out, *branch);
            value(op, r, out)?;
        }
        Op::Record(steps) => steps.iter().try_for_each(|step| field(step, r, out))?,
        Op::Reordered(fields, sources) => reordered(fields, sources, r, out)?,
    }
    Ok(())
}

fn field(step: &FieldOp, r: &mut Reader<'_>, out: &mut Vec<u8>) -> Done {
    match step {
        FieldOp::Take(op) => value(op, r, out),
        FieldOp::Skip(node) => skip(node, r),
        FieldOp::Put(bytes) => {
            out.extend_from_slice(bytes);
            Ok(())
        }
    }
}

/// Finds where each of the writer's fields begins, then takes them in the reader's order.
fn reordered(fields: &[std::sync::Arc<Node>], sources: &[Source], r: &mut Reader<'_>, out: &mut Vec<u8>) -> Done {
    let mut starts = Vec::with_capacity(fields.len());
    for node in fields {
        starts.push(r.rest());
        skip(node, r)?;
    }
    for source in sources {
        match source {
            Source::Default(bytes) => out.extend_from_slice(bytes),
            Source::Field(at, op) => value(op, &mut Reader::new(starts[*at]), out)?,
        }
    }
    Ok(())
}

fn items(r: &mut Reader<'_>, out: &mut Vec<u8>, mut item: impl FnMut(&mut Reader<'_>, &mut Vec<u8>) -> Done) -> Done {
    loop {
        let count = r.block()?;
        put_len(out, count);
        if count == 0 {
            return Ok(());
        }
        for _ in 0..count {
            item(r, out)?;
            if out.len() > OUT_MAX {
                return Err(Fault::TooLong);
            }
        }
    }
}

fn skip(node: &Node, r: &mut Reader<'_>) -> Done {
    match &node.kind {
        Kind::Null => Ok(()),
        Kind::Boolean => r.boolean().map(drop),
        Kind::Int | Kind::Long => r.long().map(drop),
        Kind::Float => r.float().map(drop),
        Kind::Double => r.double().map(drop),
        Kind::Bytes | Kind::String => r.bytes().map(drop),
        Kind::Fixed { size, .. } => r.take(*size).map(drop),
        Kind::Enum { symbols, .. } => r.symbol(symbols.len()).map(drop),
        Kind::Array(item) => r.each(|r| skip(item, r)),
        Kind::Map(item) => r.each(|r| {
            r.bytes()?;
            skip(item, r)
        }),
        Kind::Union(branches) => {
            let branch = r.branch(branches.len())?;
            skip(&branches[branch], r)
        }
        Kind::Record { fields, .. } => fields.iter().try_for_each(|f| skip(&f.node, r)),
    }
}
