//! Writes the first corpus of each fuzz target to `corpus/`: good data, some KB. A corpus that has grown is kept.

use std::fs;
use std::path::Path;

use dunning_fuzz::seeds;
use dunning_wire::topic::schema_text;

fn main() -> std::io::Result<()> {
    let good = seeds::all();
    for (i, (topic, value)) in good.records.iter().enumerate() {
        write("frame_and_event", i, &[&[*topic as u8], value])?;
        let text = schema_text(topic.contract_name()).unwrap_or("");
        // One that is not the reader's own, so that it has to be transcoded.
        let writer = text.replacen("\"fields\": [", "\"fields\": [{\"name\": \"tenant\", \"type\": \"boolean\"},", 1);
        write("schema_transcode", i, &[&[*topic as u8], writer.as_bytes(), &[0, 1], &value[5..]])?;
        if topic.contract_name() == "dunning.control" {
            write("control", i, &[&value[5..]])?;
        }
    }
    for (i, row) in good.rows.iter().enumerate() {
        write("state_row", i, &[row])?;
    }
    for (i, (topic, datum)) in good.outputs.iter().enumerate() {
        write("state_record", i, &[&[*topic as u8], datum])?;
    }
    for (i, text) in good.policies.iter().chain(&good.scenarios).enumerate() {
        write("policy_text", i, &[text.as_bytes()])?;
    }
    Ok(())
}

fn write(target: &str, number: usize, parts: &[&[u8]]) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(format!("seed-{number:03}")), parts.concat())
}
