//! What a server refused, in words for the one who asked.

use std::{error::Error, fmt};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::{connection, patience::End, text};

/// A call that failed. Prints the server's message, its codes, and then one line for each detail that helps.
#[derive(Debug)]
pub(crate) struct Failure(Box<Status>);

impl Failure {
    /// Whether the same call may work a moment later: the server is draining, gone or not back yet.
    pub(super) fn may_pass(&self) -> bool {
        self.0.code() == Code::Unavailable || self.0.source().is_some()
    }

    /// How the stream that failed so ended. `steady`: whether the server had been there.
    ///
    /// # Errors
    /// The failure itself where it will not pass.
    pub(super) fn or_patience(self, steady: bool) -> anyhow::Result<End> {
        if !self.may_pass() {
            return Err(self.into());
        }
        let cause = self.to_string();
        Ok(End::Broken { cause, steady })
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
        if is_no_grpc(status) {
            return f.write_str(
                "no gRPC server answers there: give as --endpoint the gRPC address of `slacktide serve` \
                 (port 50051, if not set otherwise), not the one of REST",
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
            message => write!(f, "{message} ({})", codes(code, &details))?,
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

/// Another protocol at the other end: the transport's own words for an answer that is no gRPC.
fn is_no_grpc(status: &Status) -> bool {
    let message = status.message();
    status.details().is_empty()
        && (message.starts_with("protocol error:")
            || message.starts_with("grpc-status header missing"))
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

/// gRPC's code, then the reason and OCP's code where they say more than it. OCP has no code 0.
fn codes(code: String, details: &ErrorDetails) -> String {
    let mut codes = vec![code];
    if let Some(info) = details.error_info() {
        if !codes.contains(&info.reason) {
            codes.push(info.reason.clone());
        }
        let ocp_code = info.metadata.get("ocp_code").filter(|code| *code != "0");
        codes.extend(ocp_code.map(|code| format!("code {code}")));
    }
    codes.join(", ")
}

/// A fault of one field, unless the message tells it already.
fn fault(message: &str, wrong: &FieldViolation) -> Option<String> {
    let FieldViolation {
        field, description, ..
    } = wrong;
    let problem = description.strip_prefix(field.as_str());
    let problem = problem.unwrap_or(description).trim_start();
    let told = message.contains(field) && message.contains(problem);
    (!told).then(|| format!("{field}: {problem}"))
}

fn advice(status: &Status, details: &ErrorDetails) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(request) = details.bad_request() {
        let violations = request.field_violations.iter();
        lines.extend(violations.filter_map(|wrong| fault(status.message(), wrong)));
    }
    let active = details
        .error_info()
        .and_then(|info| info.metadata.get("active_task_id"));
    if let Some(task) = active {
        lines.push(format!("see `slacktide task get {task}`"));
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
            "task 42 holds cluster ob_demo",
            details,
        );
        assert_eq!(
            Failure::from(status).to_string(),
            "task 42 holds cluster ob_demo (FAILED_PRECONDITION, OPERATION_UNFINISHED, code 11020)\
             \n  see `slacktide task get 42`\
             \n  try again in 2.0 s"
        );
    }

    #[test]
    fn an_answer_that_is_no_grpc_is_recognized() {
        for message in [
            "protocol error: received message with invalid compression flag: 123",
            "grpc-status header missing, mapped from HTTP status code 404",
        ] {
            let text = Failure::from(Status::internal(message)).to_string();
            assert!(text.starts_with("no gRPC server answers there"), "{text}");
        }
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
    fn a_fault_that_the_message_tells_is_not_told_again() {
        let invalid = |message: &str, faults: &[(&str, &str)]| {
            let mut details = ErrorDetails::new();
            let metadata = [("ocp_code".to_owned(), "0".to_owned())];
            details.set_error_info("INVALID_ARGUMENT", "slacktide", metadata);
            for (field, description) in faults {
                details.add_bad_request_violation(*field, *description);
            }
            let status = Status::with_error_details(Code::InvalidArgument, message, details);
            Failure::from(status).to_string()
        };
        let (name, port) = ("cluster.name", "cluster.zones[0].servers[0].sql_port");
        assert_eq!(
            invalid(
                "cluster.name must not be empty",
                &[(name, "must not be empty")]
            ),
            "cluster.name must not be empty (INVALID_ARGUMENT)"
        );
        assert_eq!(
            invalid(
                "cluster.name must not be empty (and 1 more fault)",
                &[
                    (name, "must not be empty"),
                    (port, "must be 1 to 65535, not 0")
                ]
            ),
            format!(
                "cluster.name must not be empty (and 1 more fault) (INVALID_ARGUMENT)\
                 \n  {port}: must be 1 to 65535, not 0"
            )
        );
        let taken = format!("{port} is taken: a server of cluster ob_demo (id 1) has it");
        assert_eq!(
            invalid(&taken, &[(port, &taken)]),
            format!("{taken} (INVALID_ARGUMENT)")
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
