//! The checks that ask the database.

use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};
use slacktide_engine::{
    cluster::{Cluster, Server, SqlAccount},
    finding::Finding,
};
use tokio::time::{Instant, timeout_at};

use super::{
    catalog::{Question, SQL_CHECKS},
    verdict::{Verdict, told},
};
use crate::sql::{Class, EngineKind, Limits, Session, SqlError, address, connect, connect_any};

/// A server that is well lets a session in at once. A view that hangs takes one limit of the ten seconds that all
/// checks have.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(2),
    statement: Duration::from_secs(3),
};
/// Keeps a slow view from holding a session in the server longer than anybody waits for it.
const QUERY_TIMEOUT: &str = "SET SESSION ob_query_timeout = 3000000";
const TOO_LATE: &str = "no answer in time";
/// Engines of one node that are asked at a time.
const PARALLEL: usize = 8;

/// What the checks came to, in their order.
type Verdicts = [Verdict; SQL_CHECKS.len()];

/// Makes the checks until `deadline`.
pub(super) async fn findings(cluster: &Cluster, deadline: Instant) -> Vec<Finding> {
    let verdicts = match &cluster.sql {
        None => unchecked("the cluster has no SQL account"),
        Some(account) => match timeout_at(deadline, sources(cluster, account)).await {
            Ok(Ok((kind, servers))) => ask_all(kind, &servers, account, deadline).await,
            Ok(Err(error)) => unchecked(&error.to_string()),
            Err(_) => unchecked(TOO_LATE),
        },
    };
    let findings = verdicts.into_iter().zip(&SQL_CHECKS);
    findings
        .map(|(verdict, check)| verdict.finding(check.check, check.name, check.class))
        .collect()
}

fn unchecked(reason: &str) -> Verdicts {
    std::array::from_fn(|_| Verdict::of_unchecked(reason))
}

/// Whom to ask: one server speaks for its whole cluster, an engine of one node for itself alone.
async fn sources(
    cluster: &Cluster,
    account: &SqlAccount,
) -> Result<(EngineKind, Vec<Server>), SqlError> {
    let servers: Vec<Server> = cluster.servers().cloned().collect();
    let mut session = connect_any(&servers, account, LIMITS).await?;
    let kind = session.kind().await?;
    if kind == EngineKind::SingleNode {
        return Ok((kind, servers));
    }
    let is_asked = |server: &Server| session.address() == address(server);
    let asked = servers.into_iter().find(is_asked);
    Ok((kind, asked.into_iter().collect()))
}

async fn ask_all(
    kind: EngineKind,
    servers: &[Server],
    account: &SqlAccount,
    deadline: Instant,
) -> Verdicts {
    let named = servers.len() > 1;
    let asking = servers.iter().map(|server| {
        let asking = Asking {
            server,
            account,
            deadline,
            named,
            session: None,
        };
        asking.ask(kind).boxed()
    });
    let asking: Vec<_> = asking.collect();
    let mut asking = stream::iter(asking).buffer_unordered(PARALLEL);
    let mut verdicts = Verdicts::default();
    while let Some(answers) = asking.next().await {
        for (verdict, answer) in verdicts.iter_mut().zip(answers) {
            verdict.add(answer);
        }
    }
    verdicts
}

/// One server that is asked, in one session at a time: what others of these checks do must not be found.
struct Asking<'a> {
    server: &'a Server,
    account: &'a SqlAccount,
    deadline: Instant,
    /// Whether findings name the server.
    named: bool,
    session: Option<Session>,
}

impl Asking<'_> {
    async fn ask(mut self, kind: EngineKind) -> Verdicts {
        let mut verdicts = Verdicts::default();
        for (verdict, check) in verdicts.iter_mut().zip(&SQL_CHECKS) {
            let questions = match kind {
                EngineKind::V4 => check.v4,
                EngineKind::V3 => check.v3,
                EngineKind::SingleNode => check.single,
            };
            if questions.is_empty() {
                verdict.not_checked("an engine of one node has no list of these".to_owned());
            }
            for question in questions {
                match timeout_at(self.deadline, self.rows(question)).await {
                    Ok(Ok(rows)) if rows.is_empty() => {}
                    Ok(Ok(rows)) => verdict.found(question.class, self.text(question, &rows)),
                    Ok(Err(error)) => verdict.not_checked(error.to_string()),
                    Err(_) => verdict.not_checked(format!("{}: {TOO_LATE}", address(self.server))),
                }
            }
        }
        verdicts
    }

    /// A session that was left without an answer is of no more use: the next question has a new one.
    async fn rows(&mut self, question: &Question) -> Result<Vec<String>, SqlError> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => {
                let mut session = connect(self.server, self.account, LIMITS).await?;
                // An engine without this setting answers in time or is left.
                let _ = session.execute(QUERY_TIMEOUT).await;
                session
            }
        };
        let rows = session.rows(question.query).await;
        let broken = matches!(&rows, Err(error) if error.class() == Class::Transient);
        if !broken {
            self.session = Some(session);
        }
        Ok(rows?.into_iter().map(row).collect())
    }

    fn text(&self, question: &Question, rows: &[String]) -> String {
        let (about, rows) = (question.about, told(rows));
        match self.named {
            true => format!("{about} on {}: {rows}", address(self.server)),
            false => format!("{about}: {rows}"),
        }
    }
}

fn row(cells: Vec<Option<String>>) -> String {
    let cells: Vec<String> = cells
        .into_iter()
        .map(|cell| cell.unwrap_or_else(|| "NULL".to_owned()))
        .collect();
    cells.join(" ")
}
