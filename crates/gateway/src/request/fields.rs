//! The members of a request body.
//!
//! The documented calls have no body, but for those on servers. `mode`, `minorFreeze`, `validateOnly` and
//! `maxParallel` are our additions.

use serde::{
    Deserialize,
    de::{Deserializer, MapAccess, Visitor},
};
use serde_json::{Value, json};
use slacktide_api::v1::StopMode;

use super::query::Params;
use crate::error::{ApiError, Fault, Text};

/// A member that a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Mode,
    MinorFreeze,
    ValidateOnly,
    MaxParallel,
    /// OCP's: `true` is IMMEDIATE.
    Force,
    /// OCP's word for `minorFreeze`.
    FreezeServer,
    /// OCP's: what of a server is stopped.
    Type,
}

impl Field {
    const OURS: [Self; 4] = [
        Self::Mode,
        Self::MinorFreeze,
        Self::ValidateOnly,
        Self::MaxParallel,
    ];
    const OCPS: [Self; 3] = [Self::Force, Self::FreezeServer, Self::Type];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mode => "mode",
            Self::MinorFreeze => "minorFreeze",
            Self::ValidateOnly => "validateOnly",
            Self::MaxParallel => "maxParallel",
            Self::Force => "force",
            Self::FreezeServer => "freezeServer",
            Self::Type => "type",
        }
    }

    /// What it may be, and what it means.
    pub(crate) fn schema(self) -> Value {
        let boolean = |about: &str| json!({"type": "boolean", "description": about});
        match self {
            Self::Mode => json!({
                "enum": ["GRACEFUL", "IMMEDIATE"],
                "default": "GRACEFUL",
                "description": "GRACEFUL sends SIGUSR1, SIGTERM and SIGKILL, IMMEDIATE SIGTERM and SIGKILL.",
            }),
            Self::MinorFreeze => boolean(
                "Whether memory tables are flushed first. Absent: if GRACEFUL, and the cluster has an SQL account.",
            ),
            Self::ValidateOnly => {
                boolean("A dry run: the answer is the task that would be, and nothing is written.")
            }
            Self::MaxParallel => json!({
                "type": "integer",
                "minimum": 0,
                "maximum": i32::MAX,
                "description": "How many subtasks may run at a time; 0: no limit.",
            }),
            Self::Force => nullable(boolean("true: the same as `mode` IMMEDIATE.")),
            Self::FreezeServer => nullable(boolean("The same as `minorFreeze`.")),
            Self::Type => json!({
                "enum": ["STOP_PROCESS", null],
                "description": "What of the server is stopped.",
            }),
        }
    }

    /// The field of ours that a name is equal to, but for case and underscores.
    fn ours(name: &str) -> Option<Self> {
        let letters = name.replace('_', "");
        Self::OURS
            .into_iter()
            .find(|field| letters.eq_ignore_ascii_case(field.name()))
    }

    /// The field that a member of a body is, if it is one. OCP's own are ignored where a call does not have
    /// them; one of ours never is, nor is one that was meant to be: a dry run whose `validate_only` is ignored
    /// stops production.
    fn of_member(name: &str, taken: &[Self]) -> Result<Option<Self>, ApiError> {
        let ocps = Self::OCPS.into_iter().find(|field| field.name() == name);
        if let Some(field) = ocps.filter(|field| taken.contains(field)) {
            return Ok(Some(field));
        }
        let Some(field) = Self::ours(name) else {
            return Ok(None);
        };
        if name != field.name() {
            return Err(ApiError::field(name, Fault::Misspelt(field.name())));
        }
        if !taken.contains(&field) {
            return Err(ApiError::field(name, Fault::NotTaken));
        }
        Ok(Some(field))
    }
}

/// What a body says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    mode: Option<StopMode>,
    pub(crate) minor_freeze: Option<bool>,
    pub(crate) validate_only: bool,
    pub(crate) max_parallel: i32,
}

impl Fields {
    /// Reads a body that may have the fields `taken`. Members that mean nothing to us are ignored.
    pub(crate) fn read(json: &[u8], taken: &[Field]) -> Result<Self, ApiError> {
        let Members(members) = serde_json::from_slice(json)
            .map_err(|error| ApiError::malformed(Text::MalformedBody(error.to_string())))?;
        let mut fields = Self::default();
        let mut seen = Vec::new();
        for (name, value) in &members {
            let Some(field) = Field::of_member(name, taken)? else {
                continue;
            };
            if seen.contains(&field) {
                return Err(ApiError::field(field.name(), Fault::GivenTwice));
            }
            seen.push(field);
            fields.set(field, value)?;
        }
        Ok(fields)
    }

    /// In the query our fields would be overlooked.
    pub(crate) fn refuse_in_query(params: &Params) -> Result<(), ApiError> {
        match params.names().find_map(Field::ours) {
            Some(field) => Err(ApiError::field(field.name(), Fault::InQuery)),
            None => Ok(()),
        }
    }

    /// The gRPC API's number of the mode.
    pub(crate) fn mode(&self) -> i32 {
        self.mode.unwrap_or_default().into()
    }

    fn set(&mut self, field: Field, value: &Value) -> Result<(), ApiError> {
        match field {
            Field::Mode => agree(&mut self.mode, mode(value)?, field),
            Field::MinorFreeze => agree(&mut self.minor_freeze, boolean(field, value)?, field),
            Field::ValidateOnly => {
                self.validate_only = boolean(field, value)?;
                Ok(())
            }
            Field::MaxParallel => {
                self.max_parallel = number(field, value)?;
                Ok(())
            }
            Field::Force | Field::FreezeServer | Field::Type if value.is_null() => Ok(()),
            Field::Force => match boolean(field, value)? {
                true => agree(&mut self.mode, StopMode::Immediate, field),
                false => Ok(()),
            },
            Field::FreezeServer => agree(&mut self.minor_freeze, boolean(field, value)?, field),
            Field::Type if value == "STOP_PROCESS" => Ok(()),
            // A caller who wants the service stopped and the process kept must not lose the process.
            Field::Type => Err(ApiError::field(field.name(), Fault::NotTheProcess)),
        }
    }
}

fn nullable(mut boolean: Value) -> Value {
    boolean["type"] = json!(["boolean", "null"]);
    boolean
}

/// Sets what one member says and another may have said before.
fn agree<T: PartialEq>(said: &mut Option<T>, value: T, field: Field) -> Result<(), ApiError> {
    if said.as_ref().is_some_and(|said| *said != value) {
        return Err(ApiError::field(field.name(), Fault::Contradicts));
    }
    *said = Some(value);
    Ok(())
}

fn mode(value: &Value) -> Result<StopMode, ApiError> {
    match value.as_str() {
        Some("GRACEFUL") => Ok(StopMode::Graceful),
        Some("IMMEDIATE") => Ok(StopMode::Immediate),
        _ => Err(ApiError::field(
            Field::Mode.name(),
            Fault::NoneOf("\"GRACEFUL\", \"IMMEDIATE\"".to_owned()),
        )),
    }
}

fn boolean(field: Field, value: &Value) -> Result<bool, ApiError> {
    value
        .as_bool()
        .ok_or_else(|| ApiError::field(field.name(), Fault::NotBoolean))
}

fn number(field: Field, value: &Value) -> Result<i32, ApiError> {
    let number = value.as_i64().and_then(|number| number.try_into().ok());
    number
        .filter(|number| *number >= 0)
        .ok_or_else(|| ApiError::field(field.name(), Fault::NotANumber(i32::MAX)))
}

/// The members of a JSON object as they were written, repeated ones included.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_SERVER: &[Field] = &[
        Field::Mode,
        Field::MinorFreeze,
        Field::ValidateOnly,
        Field::Force,
        Field::FreezeServer,
        Field::Type,
    ];

    fn read(json: &str) -> Result<Fields, ApiError> {
        Fields::read(json.as_bytes(), OF_SERVER)
    }

    #[test]
    fn ocps_words_for_servers_mean_ours() {
        let forced = read(r#"{"force": true, "freezeServer": false, "type": "STOP_PROCESS"}"#);
        let expected = Fields {
            mode: Some(StopMode::Immediate),
            minor_freeze: Some(false),
            ..Fields::default()
        };
        assert_eq!(forced.unwrap(), expected);
        let none = read(r#"{"force": false, "freezeServer": null, "type": null}"#);
        assert_eq!(none.unwrap(), Fields::default());
        assert!(read(r#"{"force": true, "mode": "IMMEDIATE"}"#).is_ok());
    }

    #[test]
    fn what_contradicts_itself_or_asks_for_less_than_is_done_is_refused() {
        for json in [
            r#"{"force": true, "mode": "GRACEFUL"}"#,
            r#"{"freezeServer": true, "minorFreeze": false}"#,
            r#"{"type": "STOP_SERVICE"}"#,
            r#"{"force": "yes"}"#,
        ] {
            assert!(read(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_field_of_ours_is_never_overlooked() {
        for json in [
            r#"{"validateOnly": true}"#,
            r#"{"validate_only": true}"#,
            r#"{"MODE": "GRACEFUL"}"#,
        ] {
            assert!(Fields::read(json.as_bytes(), &[]).is_err(), "{json}");
        }
        let strangers = br#"{"force": true, "type": 5, "mood": "calm"}"#;
        assert_eq!(Fields::read(strangers, &[]).unwrap(), Fields::default());
    }

    #[test]
    fn a_limit_is_a_whole_number() {
        let read = |json: &str| Fields::read(json.as_bytes(), &[Field::MaxParallel]);
        assert_eq!(read(r#"{"maxParallel": 4}"#).unwrap().max_parallel, 4);
        for value in ["-1", "1.5", "2147483648", "\"4\"", "null"] {
            assert!(
                read(&format!(r#"{{"maxParallel": {value}}}"#)).is_err(),
                "{value}"
            );
        }
    }
}
