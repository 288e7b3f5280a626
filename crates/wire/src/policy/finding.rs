use std::fmt;

use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file can be used; look at it before you do.
    Warning,
    /// The file cannot be used.
    Error,
}

impl Severity {
    /// A word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Where something stands in a file; lines and columns count from 1, in characters. Zero: not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
    /// Characters that are meant, at least one where the place is known.
    pub(crate) width: u32,
}

/// Something that is wrong in a file, or looks wrong. `Display` shows it as a compiler would: place, message, the
/// source line with a caret, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as it was named.
    pub file: String,
    /// From 1; 0 where it is about the file as a whole.
    pub line: u32,
    /// From 1, in characters; 0 where it is about the file as a whole.
    pub column: u32,
    /// Characters that are meant, from the column on.
    pub width: u32,
    /// The keys that lead there, such as `procedures.standard.steps[2].at`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do; may be empty.
    pub help: String,
    /// The offending line of the file, as it stands there; empty where it is too long to be shown.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.severity.word();
        if self.line == 0 {
            write!(f, "{}: {word}: {}", self.file, self.message)?;
        } else {
            write!(f, "{}:{}:{}: {word}: {}", self.file, self.line, self.column, self.message)?;
            if !self.text.is_empty() {
                self.excerpt(f)?;
            }
        }
        if !self.path.is_empty() {
            write!(f, "\n   at: {}", self.path)?;
        }
        if !self.help.is_empty() {
            write!(f, "\n help: {}", self.help)?;
        }
        Ok(())
    }
}

impl Finding {
    /// The line with its number, and a caret under what is meant.
    fn excerpt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.column.saturating_sub(1) as usize;
        // Tabs stay tabs in the line below, so that the caret stands right wherever they stop.
        let indent: String = self.text.chars().take(before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let rest = self.text.chars().count().saturating_sub(before).max(1);
        let carets = "^".repeat((self.width.max(1) as usize).min(rest));
        write!(f, "\n{:>5} | {}\n      | {indent}{carets}", self.line, self.text)
    }
}

/// Everything found in one file, in the order of its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// True where one of them is an error.
    #[must_use]
    pub fn has_error(&self) -> bool {
        self.0.iter().any(|f| f.severity == Severity::Error)
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, finding) in self.0.iter().enumerate() {
            write!(f, "{}{finding}", if i == 0 { "" } else { "\n\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Findings {}

/// The most findings of one file; the first ones are kept.
const FINDINGS_MAX: usize = 100;
/// The most bytes of a message, a path or a help.
const WORDS_MAX: usize = 1_000;
/// A longer line is not shown: no person reads it.
const LINE_MAX: usize = 500;

/// A text cut to its bound.
fn bounded(mut text: String) -> String {
    if text.len() > WORDS_MAX {
        text.truncate(text.floor_char_boundary(WORDS_MAX));
        text.push('…');
    }
    text
}

/// Collects the findings of one file while it is read.
pub(crate) struct Notes<'a> {
    file: &'a str,
    lines: Vec<&'a str>,
    found: Vec<Finding>,
    /// Findings beyond [`FINDINGS_MAX`].
    left_out: usize,
}

impl<'a> Notes<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, lines: text.lines().collect(), found: Vec::new(), left_out: 0 }
    }

    pub(crate) fn add(&mut self, severity: Severity, place: Place, path: &str, message: String, help: String) {
        if self.found.len() == FINDINGS_MAX {
            self.left_out += 1;
            // A warning makes room for an error: that the file is refused must not go unsaid.
            let warning = self.found.iter().position(|f| f.severity < severity);
            let Some(warning) = warning else { return };
            self.found.remove(warning);
        }
        self.push(severity, place, path, message, help);
    }

    fn push(&mut self, severity: Severity, place: Place, path: &str, message: String, help: String) {
        let text = (place.line as usize).checked_sub(1).and_then(|i| self.lines.get(i)).copied().unwrap_or("");
        let text = if text.len() > LINE_MAX { "" } else { text };
        self.found.push(Finding {
            severity,
            file: self.file.to_owned(),
            line: place.line,
            column: place.column,
            width: place.width,
            path: bounded(path.to_owned()),
            message: bounded(message),
            help: bounded(help),
            text: text.trim_end().to_owned(),
        });
    }

    pub(crate) fn has_error(&self) -> bool {
        self.found.iter().any(|f| f.severity == Severity::Error)
    }

    /// All of them, in the order of the file.
    pub(crate) fn finish(mut self) -> Findings {
        self.found.sort_by_key(|f| (f.line, f.column));
        if self.left_out > 0 {
            let (left_out, help) = (self.left_out, "mend these first".to_owned());
            self.push(Severity::Warning, Place::default(), "", format!("{left_out} more are not shown"), help);
        }
        Findings(self.found)
    }
}
