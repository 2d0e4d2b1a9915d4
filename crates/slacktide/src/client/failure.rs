//! What a server refused, in words for the one who asked.

use std::{error::Error, fmt};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::{connection, text};

/// A call that failed. Prints the server's message, its codes, and then one line for each detail that helps.
#[derive(Debug)]
pub(crate) struct Failure(Box<Status>);

impl Failure {
    /// Whether the same call may work a moment later: the server is draining, gone or not back yet.
    pub(super) fn may_pass(&self) -> bool {
        self.0.code() == Code::Unavailable || self.0.source().is_some()
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self(Box::new(status))
    }
}

impl Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = &self.0;
        // Only a status that was made on this side has a source: the server never got to answer.
        if let Some(source) = status.source() {
            return write!(
                f,
                "the server did not answer: {}",
                connection::plain_cause(source)
            );
        }
        if is_own_timeout(status) {
            let limit = text::elapsed(connection::ANSWER_LIMIT);
            return write!(f, "the server did not answer within {limit}");
        }
        let details = status.get_error_details();
        let code = code_name(status.code());
        match status.message() {
            "" => f.write_str(&code)?,
            message => {
                let reason = reason(&details);
                write!(f, "{message} ({code}{reason})")?;
            }
        }
        for line in advice(status, &details) {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

/// The transport reports its own time limit as a cancellation.
fn is_own_timeout(status: &Status) -> bool {
    status.code() == Code::Cancelled && status.message() == "Timeout expired"
}

/// The code as gRPC's own documents spell it: `FAILED_PRECONDITION`.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

fn reason(details: &ErrorDetails) -> String {
    let Some(info) = details.error_info() else {
        return String::new();
    };
    match info.metadata.get("ocp_code") {
        Some(ocp_code) => format!(", {}, code {ocp_code}", info.reason),
        None => format!(", {}", info.reason),
    }
}

fn advice(status: &Status, details: &ErrorDetails) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(request) = details.bad_request() {
        let violations = request.field_violations.iter();
        lines.extend(violations.map(|wrong| format!("{}: {}", wrong.field, wrong.description)));
    }
    let active = details
        .error_info()
        .and_then(|info| info.metadata.get("active_task_id"));
    if let Some(task) = active {
        lines.push(format!(
            "task {task} holds the cluster: see `slacktide task get {task}`"
        ));
    }
    if let Some(delay) = details.retry_info().and_then(|retry| retry.retry_delay) {
        lines.push(format!("try again in {}", text::elapsed(delay)));
    }
    if status.code() == Code::Unauthenticated {
        lines.push(
            "sign in with --user and --password, or SLACKTIDE_USER and SLACKTIDE_PASSWORD"
                .to_owned(),
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use super::*;

    #[test]
    fn a_busy_cluster_names_the_task_that_holds_it() {
        let mut details = ErrorDetails::new();
        let metadata = [("ocp_code", "11020"), ("active_task_id", "42")];
        let metadata: HashMap<_, _> = metadata
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        details
            .set_error_info("OPERATION_UNFINISHED", "slacktide", metadata)
            .set_retry_info(Some(Duration::from_secs(2)));
        let status = Status::with_error_details(
            Code::FailedPrecondition,
            "cluster 3 has an unfinished operation",
            details,
        );
        assert_eq!(
            Failure::from(status).to_string(),
            "cluster 3 has an unfinished operation (FAILED_PRECONDITION, OPERATION_UNFINISHED, code 11020)\
             \n  task 42 holds the cluster: see `slacktide task get 42`\
             \n  try again in 2.0 s"
        );
    }

    #[test]
    fn bad_fields_are_listed() {
        let mut details = ErrorDetails::new();
        details
            .add_bad_request_violation("cluster.zones[0].servers[0].ip", "must be an IP address")
            .add_bad_request_violation("cluster.name", "must not be empty");
        let status =
            Status::with_error_details(Code::InvalidArgument, "cluster is not valid", details);
        assert_eq!(
            Failure::from(status).to_string(),
            "cluster is not valid (INVALID_ARGUMENT)\
             \n  cluster.zones[0].servers[0].ip: must be an IP address\
             \n  cluster.name: must not be empty"
        );
    }

    #[test]
    fn a_refused_sign_in_says_how_to_sign_in() {
        let text = Failure::from(Status::unauthenticated("not signed in")).to_string();
        assert!(text.contains("--user and --password"), "{text}");
    }

    #[test]
    fn only_an_absent_server_may_come_back() {
        assert!(Failure::from(Status::unavailable("draining")).may_pass());
        assert!(!Failure::from(Status::not_found("task 7 does not exist")).may_pass());
    }
}
