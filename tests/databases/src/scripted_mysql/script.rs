//! What a scripted server answers.

/// How a connection is received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// As by any server.
    Normal,
    /// Never, as by a halted one: the connection stands and nothing comes.
    Silence,
    /// With an error in place of a greeting.
    Error {
        /// Its number.
        code: u16,
        /// Its text.
        text: String,
    },
}

#[derive(Clone, Debug)]
pub(super) enum Answer {
    Ok,
    Rows(Vec<Vec<Option<String>>>),
    Error { code: u16, text: String },
    Silence,
    HangUp,
}

#[derive(Clone, Debug)]
struct Rule {
    part: String,
    answer: Answer,
    /// How many times it still answers; for ever if none.
    left: Option<u32>,
}

/// Answers, found by a part of the statement; of several that fit, the one that was added first and is not used
/// up. A statement that none fits is answered as by an engine that lacks the table: 1146.
#[derive(Clone, Debug)]
pub struct Script {
    greetings: Vec<(Greeting, u32)>,
    denied: Option<String>,
    rules: Vec<Rule>,
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

impl Script {
    /// Greets everybody, lets everybody in, and knows `SELECT 1` and settings of the session.
    #[must_use]
    pub fn new() -> Self {
        let empty = Self {
            greetings: Vec::new(),
            denied: None,
            rules: Vec::new(),
        };
        empty.ok("SET SESSION").ok("SET NAMES")
    }

    /// Returns these rows, all as text, for statements that hold `part`.
    #[must_use]
    pub fn rows(self, part: &str, rows: &[&[&str]]) -> Self {
        let rows = rows
            .iter()
            .map(|row| row.iter().map(|cell| Some((*cell).to_owned())).collect());
        let rows = rows.collect();
        self.rule(part, Answer::Rows(rows))
    }

    /// The same, with NULL where a cell is none.
    #[must_use]
    pub fn rows_with_nulls(self, part: &str, rows: &[&[Option<&str>]]) -> Self {
        let cells =
            |row: &&[Option<&str>]| row.iter().map(|cell| cell.map(ToOwned::to_owned)).collect();
        self.rule(part, Answer::Rows(rows.iter().map(cells).collect()))
    }

    /// Does what statements that hold `part` ask for.
    #[must_use]
    pub fn ok(self, part: &str) -> Self {
        self.rule(part, Answer::Ok)
    }

    /// Refuses statements that hold `part`.
    #[must_use]
    pub fn error(self, part: &str, code: u16, text: &str) -> Self {
        let text = text.to_owned();
        self.rule(part, Answer::Error { code, text })
    }

    /// Never answers statements that hold `part`.
    #[must_use]
    pub fn silence(self, part: &str) -> Self {
        self.rule(part, Answer::Silence)
    }

    /// Ends the connection upon statements that hold `part`.
    #[must_use]
    pub fn hang_up(self, part: &str) -> Self {
        self.rule(part, Answer::HangUp)
    }

    /// The last answer is given only so often; then the next one that fits.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        if let Some(rule) = self.rules.last_mut() {
            rule.left = Some(times);
        }
        self
    }

    /// Receives the next `times` connections like this.
    #[must_use]
    pub fn greeting(mut self, greeting: Greeting, times: u32) -> Self {
        self.greetings.push((greeting, times));
        self
    }

    /// Lets this user in no more.
    #[must_use]
    pub fn deny(mut self, user: &str) -> Self {
        self.denied = Some(user.to_owned());
        self
    }

    fn rule(mut self, part: &str, answer: Answer) -> Self {
        self.rules.push(Rule {
            part: part.to_ascii_lowercase(),
            answer,
            left: None,
        });
        self
    }

    pub(super) fn greet(&mut self) -> Greeting {
        let next = self.greetings.iter_mut().find(|(_, left)| *left > 0);
        next.map_or(Greeting::Normal, |(greeting, left)| {
            *left -= 1;
            greeting.clone()
        })
    }

    pub(super) fn denies(&self, user: &str) -> bool {
        self.denied.as_deref() == Some(user)
    }

    pub(super) fn answer(&mut self, statement: &str) -> Answer {
        let text = statement.to_ascii_lowercase();
        let fits = |rule: &&mut Rule| rule.left != Some(0) && text.contains(&rule.part);
        if let Some(rule) = self.rules.iter_mut().find(fits) {
            rule.left = rule.left.map(|left| left - 1);
            return rule.answer.clone();
        }
        if text == "select 1" {
            return Answer::Rows(vec![vec![Some("1".to_owned())]]);
        }
        Answer::Error {
            code: 1146,
            text: format!("Table of \"{statement}\" doesn't exist"),
        }
    }
}
