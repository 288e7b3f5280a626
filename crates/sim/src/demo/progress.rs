use std::io::{Result, Write};

use dunning_rules::Timestamp;

use super::date;

/// Width of the bar in characters.
const WIDTH: u32 = 30;
/// Without a terminal, a line every so many days.
const LINE_DAYS: u32 = 15;

/// Shows how far the days have passed: a bar on a terminal, a line now and then elsewhere.
pub(super) struct Progress<'o> {
    out: &'o mut dyn Write,
    is_terminal: bool,
    days: u32,
}

impl<'o> Progress<'o> {
    pub(super) fn new(out: &'o mut dyn Write, is_terminal: bool, days: u32) -> Self {
        Self { out, is_terminal, days }
    }

    pub(super) fn show(&mut self, day: u32, date_of: Timestamp, events: u64, commands: u64) -> Result<()> {
        let text = format!("day {day:>3}/{} ({}): {events} events, {commands} commands", self.days, date(date_of));
        if self.is_terminal {
            let done = (day * WIDTH / self.days.max(1)) as usize;
            let bar = format!("{}{}", "█".repeat(done), "░".repeat(WIDTH as usize - done.min(WIDTH as usize)));
            write!(self.out, "\r{bar} {text}")?;
            self.out.flush()
        } else if day.is_multiple_of(LINE_DAYS) || day == self.days {
            writeln!(self.out, "{text}")
        } else {
            Ok(())
        }
    }

    pub(super) fn finish(self) -> Result<()> {
        if self.is_terminal { writeln!(self.out, "\n") } else { writeln!(self.out) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(is_terminal: bool) -> String {
        let mut out = Vec::new();
        let mut progress = Progress::new(&mut out, is_terminal, 30);
        for day in 1..=30 {
            progress.show(day, Timestamp::from_millis(0), 5, 2).expect("written");
        }
        progress.finish().expect("written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_terminal_gets_one_line_that_is_drawn_over_and_a_file_gets_few_lines() {
        let terminal = shown(true);
        assert_eq!((terminal.matches('\r').count(), terminal.lines().count()), (30, 2));
        assert!(terminal.trim_end().ends_with("day  30/30 (1970-01-01): 5 events, 2 commands"), "{terminal}");
        assert!(terminal.contains(&format!("\r{} day  30/30", "█".repeat(30))));
        assert_eq!(shown(false).lines().filter(|l| !l.is_empty()).count(), 2);
    }
}
