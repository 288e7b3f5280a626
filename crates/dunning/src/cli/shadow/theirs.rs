//! What the other system did: a file, or the command topics.

use std::path::Path;

use dunning_rules::{Day, Timestamp, Zone};
use dunning_wire::command::{self, ActionView};
use dunning_wire::frame;
use dunning_wire::topic::OutputTopic;

use super::compare::{Act, Acts, Kind};
use crate::cli::bus::{Bus, scan};
use crate::exit::{Exit, Failure};

const COLUMNS: &str = "its first line names the columns account_id, at, what and, if you like, detail";

/// A line of the file.
#[derive(Debug, serde::Deserialize)]
struct Line {
    account_id: String,
    at: String,
    what: String,
    #[serde(default)]
    detail: String,
}

pub(super) fn from_file(file: &Path, acts: &mut Acts) -> Result<(), Failure> {
    let failed = |e: csv::Error| {
        let line = e.position().map_or(String::new(), |place| format!(", line {}", place.line()));
        Failure::because(Exit::Usage, format!("{}{line} cannot be read; {COLUMNS}", file.display()), e)
    };
    let mut lines = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(file).map_err(failed)?;
    for line in lines.deserialize::<Line>() {
        let line = line.map_err(failed)?;
        let Some(at) = instant(&line.at) else {
            let text =
                format!("{}: `{}` is no instant; write 2026-08-05T09:00:00Z or 2026-08-05", file.display(), line.at);
            return Err(Failure::new(Exit::Usage, text));
        };
        match kind(&line.what) {
            Some(kind) => acts.theirs(Act { account: line.account_id, at, kind, what: line.detail })?,
            None => acts.passed_over += 1,
        }
    }
    Ok(())
}

fn kind(word: &str) -> Option<Kind> {
    match word.to_ascii_lowercase().as_str() {
        "notice" => Some(Kind::Notice),
        "bar" => Some(Kind::Bar),
        "restoration" => Some(Kind::Restoration),
        _ => None,
    }
}

/// A day alone is its noon, in UTC.
fn instant(text: &str) -> Option<Timestamp> {
    if let Some(day) = Day::parse(text) {
        return Some(Zone::UTC.start_of_day(day).plus(12 * 3_600_000));
    }
    let at = chrono::DateTime::parse_from_rfc3339(text).ok()?;
    Some(Timestamp::from_millis(at.timestamp_millis()))
}

pub(super) fn from_topics(bus: &Bus, acts: &mut Acts) -> Result<(), Failure> {
    for topic in [OutputTopic::Notifications, OutputTopic::Barring, OutputTopic::Restoration] {
        scan(bus, bus.topics().output(topic), &bus.all_partitions(), |record| {
            let view = record.value.and_then(|value| command::decode(topic, frame::split(value).ok()?.1).ok());
            let Some(view) = view else {
                acts.unreadable += 1;
                return Ok(());
            };
            let kind = match view.action {
                ActionView::Notify { .. } => Kind::Notice,
                ActionView::Bar { .. } => Kind::Bar,
                ActionView::Restore { .. } => Kind::Restoration,
                _ => {
                    acts.passed_over += 1;
                    return Ok(());
                }
            };
            acts.theirs(Act { account: view.account_id, at: view.decided_at, kind, what: view.step })
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::shadow::compare::Span;

    fn read(text: &str) -> Result<(usize, u64), String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("theirs.csv");
        std::fs::write(&file, text).expect("a file");
        let span = Span { from: Timestamp::MIN, until: Timestamp::from_millis(i64::MAX / 2), tolerance: 0 };
        let mut acts = Acts::new(span);
        from_file(&file, &mut acts).map_err(|failure| failure.chain())?;
        let found = acts.compare();
        Ok((found.there.iter().map(Vec::len).sum(), found.passed_over))
    }

    #[test]
    fn a_file_is_read_by_the_names_of_its_columns() {
        let good =
            "what,account_id, at ,detail\nbar,a,2026-08-05T09:00:00Z,soft\nNotice,b,2026-08-05,\nfee,c,2026-08-05,\n";
        assert_eq!(read(good), Ok((2, 1)));
        assert_eq!(read("account_id,at,what\na,2026-08-05,bar\n"), Ok((1, 0)));
        for (bad, says) in [
            ("account,at,what\na,2026-08-05,bar\n", "account_id"),
            ("account_id,at,what\na,yesterday,bar\n", "`yesterday` is no instant"),
            ("account_id,at,what\na,2026-08-05\n", "line 2"),
        ] {
            let text = read(bad).expect_err("it is refused");
            assert!(text.contains(says), "{text}");
        }
    }
}
