//! The checks that ask the database.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures::{FutureExt, StreamExt, stream};
use slacktide_engine::{
    cluster::{Cluster, Server, SqlAccount},
    finding::Finding,
};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use super::{
    catalog::{Question, SQL_CHECKS, SqlCheck},
    verdict::{Verdict, told},
};
use crate::sql::{Cells, Class, EngineKind, Limits, Session, SqlError, address, connect, has_port};

/// A server that is well lets a session in at once. A view that hangs takes one limit of the ten seconds that all
/// checks have.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(2),
    statement: Duration::from_secs(3),
};
/// Keeps a slow view from holding a session in the server longer than anybody waits for it.
const QUERY_TIMEOUT: &str = "SET SESSION ob_query_timeout = 3000000";
const TOO_LATE: &str = "no answer in time";
/// Servers of one cluster that are asked at a time.
const PARALLEL: usize = 16;
/// Of the checks of all clusters: each session costs a file descriptor.
static SESSIONS: Semaphore = Semaphore::const_new(64);

/// What the checks came to, in their order.
type Verdicts = [Verdict; SQL_CHECKS.len()];

/// Makes the checks until `deadline`.
pub(super) async fn findings(cluster: &Cluster, deadline: Instant) -> Vec<Finding> {
    let verdicts = match &cluster.sql {
        None => unchecked("the cluster has no SQL account"),
        Some(_) if !cluster.has_sql() => unchecked("simulated servers cannot be asked"),
        Some(account) => ask_all(cluster, account, deadline).await,
    };
    let findings = verdicts.into_iter().zip(&SQL_CHECKS);
    findings
        .map(|(verdict, check)| verdict.finding(check.check, check.name, check.class))
        .collect()
}

fn unchecked(reason: &str) -> Verdicts {
    std::array::from_fn(|_| Verdict::of_unchecked(reason))
}

/// Asks all servers side by side, each in one session: an engine of one node speaks for itself, and the first
/// server of a cluster to answer for all.
async fn ask_all(cluster: &Cluster, account: &SqlAccount, deadline: Instant) -> Verdicts {
    let servers: Vec<&Server> = cluster
        .servers()
        .filter(|server| has_port(server))
        .collect();
    let spoken_for = AtomicBool::new(false);
    let asking = servers.iter().map(|server| {
        let asking = Asking {
            server,
            account,
            deadline,
            alone: servers.len() == 1,
        };
        asking.ask(&spoken_for).boxed()
    });
    let asking: Vec<_> = asking.collect();
    let mut asking = stream::iter(asking).buffer_unordered(PARALLEL);
    let mut all = Verdicts::default();
    while let Some(answer) = asking.next().await {
        match answer {
            Answer::OfCluster(verdicts) => return verdicts,
            Answer::OfServer(verdicts) => {
                for (all, verdict) in all.iter_mut().zip(verdicts) {
                    all.add(verdict);
                }
            }
            Answer::SpokenFor => {}
        }
    }
    all
}

/// What one server has to say.
enum Answer {
    /// For its whole cluster.
    OfCluster(Verdicts),
    /// For itself, or not even that.
    OfServer(Verdicts),
    /// Nothing: another one of its cluster says it.
    SpokenFor,
}

/// How a server is asked.
enum Line {
    Open(Session),
    /// A session was left without an answer and is of no more use: the next statement has a new one.
    Broken,
    /// No other was let in, for this reason: nothing more is asked.
    Refused(String),
}

/// One server that is asked, in one session at a time: what others of these checks do must not be found.
struct Asking<'a> {
    server: &'a Server,
    account: &'a SqlAccount,
    deadline: Instant,
    /// Whether it is the only one, so that findings need not name it.
    alone: bool,
}

impl Asking<'_> {
    async fn ask(self, spoken_for: &AtomicBool) -> Answer {
        if spoken_for.load(Ordering::Relaxed) {
            return Answer::SpokenFor;
        }
        let opening = async {
            let permit = SESSIONS.acquire().await;
            let mut session = self.open().await?;
            let kind = session.kind().await?;
            Ok::<_, SqlError>((permit, session, kind))
        };
        let (_permit, session, kind) = match timeout_at(self.deadline, opening).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => return Answer::OfServer(unchecked(&error.to_string())),
            Err(_) => return Answer::OfServer(unchecked(&self.too_late())),
        };
        let (questions, named): (fn(&SqlCheck) -> &[Question], _) = match kind {
            EngineKind::SingleNode => (|check| check.single, !self.alone),
            _ if spoken_for.swap(true, Ordering::Relaxed) => return Answer::SpokenFor,
            EngineKind::V4 => (|check| check.v4, false),
            EngineKind::V3 => (|check| check.v3, false),
        };
        let verdicts = self.verdicts(session, questions, named).await;
        match kind {
            EngineKind::SingleNode => Answer::OfServer(verdicts),
            EngineKind::V4 | EngineKind::V3 => Answer::OfCluster(verdicts),
        }
    }

    async fn open(&self) -> Result<Session, SqlError> {
        let mut session = connect(self.server, self.account, LIMITS).await?;
        // An engine without this setting answers in time or is left.
        let _ = session.execute(QUERY_TIMEOUT).await;
        Ok(session)
    }

    async fn verdicts(
        &self,
        session: Session,
        questions: fn(&SqlCheck) -> &[Question],
        named: bool,
    ) -> Verdicts {
        let mut line = Line::Open(session);
        let mut answers: HashMap<&str, Result<Vec<Cells>, String>> = HashMap::new();
        let mut verdicts = Verdicts::default();
        for (verdict, check) in verdicts.iter_mut().zip(&SQL_CHECKS) {
            let questions = questions(check);
            if questions.is_empty() {
                verdict.not_checked("an engine of one node has no list of these".to_owned());
            }
            for question in questions {
                if !answers.contains_key(question.query) {
                    let rows = self.rows(&mut line, question.query).await;
                    answers.insert(question.query, rows);
                }
                match &answers[question.query] {
                    Ok(rows) => {
                        let found = (question.found)(rows);
                        if !found.is_empty() {
                            verdict.found(question.class, self.text(question, &found, named));
                        }
                    }
                    Err(reason) => verdict.not_checked(reason.clone()),
                }
            }
        }
        verdicts
    }

    async fn rows(&self, line: &mut Line, query: &str) -> Result<Vec<Cells>, String> {
        let asking = async {
            let mut session = match std::mem::replace(line, Line::Broken) {
                Line::Open(session) => session,
                Line::Broken => self.open().await.map_err(|error| {
                    *line = Line::Refused(error.to_string());
                    error.to_string()
                })?,
                Line::Refused(reason) => {
                    *line = Line::Refused(reason.clone());
                    return Err(reason);
                }
            };
            let rows = session.rows(query).await;
            if !matches!(&rows, Err(error) if error.class() == Class::Transient) {
                *line = Line::Open(session);
            }
            rows.map_err(|error| error.to_string())
        };
        timeout_at(self.deadline, asking)
            .await
            .unwrap_or_else(|_| Err(self.too_late()))
    }

    fn too_late(&self) -> String {
        format!("{}: {TOO_LATE}", address(self.server))
    }

    fn text(&self, question: &Question, found: &[String], named: bool) -> String {
        let (about, found) = (question.about, told(found));
        match named {
            true => format!("{about} on {}: {found}", address(self.server)),
            false => format!("{about}: {found}"),
        }
    }
}
