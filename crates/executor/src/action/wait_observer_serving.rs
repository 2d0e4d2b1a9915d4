//! `Wait observer accessible`, `Wait observer active`: wait until the servers that were started serve.
//!
//! The subtask's deadline bounds the wait. It ends sooner when a process is seen to be gone, or when a server
//! answers what no waiting helps against.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{FutureExt, future::try_join_all};
use slacktide_engine::{
    cluster::{Server, SqlAccount},
    commit::Observation,
    kind::SubtaskKind,
};
use tokio::sync::Semaphore;

use super::{Ended, cluster, is_here, servers, unless_told_to_stop};
use crate::{
    driver::Host,
    run::Context,
    sql::{self, Class, SqlError},
};

/// How often the log tells for whom is waited.
const TELL: Duration = Duration::from_secs(5);
/// How often a process of this host is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often the cluster is asked for what it knows of its servers.
const ASK: Duration = Duration::from_secs(1);
/// Naming more says no more.
const MOST: usize = 10;

pub(super) async fn run(context: &Context<'_>) -> Ended {
    let cluster = match cluster(context).await {
        Ok(cluster) => cluster,
        Err(ended) => return ended,
    };
    let account = cluster.sql.clone();
    let mut servers = servers(context, cluster);
    servers.retain(sql::has_port);
    let waiting = async {
        if let Err(ended) = all_serve(context, &servers, account.as_ref()).await {
            return ended;
        }
        match &account {
            Some(account) if context.assignment.subtask.kind == SubtaskKind::WaitObserverActive => {
                all_active(context, &servers, account).await
            }
            _ => Ended::seen(None),
        }
    };
    unless_told_to_stop(context, waiting).await
}

async fn all_serve(
    context: &Context<'_>,
    servers: &[Server],
    account: Option<&SqlAccount>,
) -> Result<(), Ended> {
    let waiting = Mutex::new(servers.iter().map(Server::address).collect());
    let asking = Semaphore::new(sql::MOST_SESSIONS);
    let serving: Vec<_> = servers
        .iter()
        .map(|server| serves(context, server, account, &asking, &waiting).boxed())
        .collect();
    let all = try_join_all(serving);
    let telling = async {
        loop {
            tokio::time::sleep(TELL).await;
            let line = told(&left(&waiting), servers.len());
            context.log.line(line);
        }
    };
    tokio::select! {
        served = all => served.map(drop)?,
        () = telling => {}
    }
    let how = match account {
        Some(_) => "answer SQL",
        None => "greet; the cluster has no SQL account, so more cannot be asked",
    };
    context
        .log
        .line(format!("all {} servers {how}", servers.len()));
    Ok(())
}

/// Addresses of servers that are waited for.
type Waiting = BTreeSet<String>;

async fn serves(
    context: &Context<'_>,
    server: &Server,
    account: Option<&SqlAccount>,
    asking: &Semaphore,
    waiting: &Mutex<Waiting>,
) -> Result<(), Ended> {
    tokio::select! {
        served = sql::wait_accessible(server, account, asking, context.log) => {
            served.map_err(|error| Ended::refused(&error))?;
        }
        gone = gone(context, server) => return Err(Ended::failed(gone, None)),
    }
    left(waiting).remove(&server.address());
    Ok(())
}

fn left(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

fn told(waiting: &Waiting, total: usize) -> String {
    let named: Vec<_> = waiting.iter().take(MOST).map(String::as_str).collect();
    let more = match waiting.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let served = total - waiting.len();
    format!(
        "{served} of {total} servers answer, waiting for {}{more}",
        named.join(", ")
    )
}

/// Returns when a server's process is seen to be gone; never where it cannot be seen from here.
async fn gone(context: &Context<'_>, server: &Server) -> String {
    let options = context.worker.options();
    if !is_here(server, options) {
        return std::future::pending().await;
    }
    let host = Host::of(server, options);
    loop {
        let sighting = host.glance().await;
        if sighting.observation == Observation::Gone {
            return format!(
                "the process of {} is gone: {}; see its own log for the reason",
                server.address(),
                sighting.text
            );
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until the cluster counts all of these servers as active. One that is stopped by SQL may still be so: it is
/// started by SQL later.
async fn all_active(context: &Context<'_>, servers: &[Server], account: &SqlAccount) -> Ended {
    let mut told = String::new();
    loop {
        let text = match inactive(servers, account).await {
            Ok(waiting) if waiting.is_empty() => {
                context.log.line("the cluster counts them as active");
                return Ended::seen(None);
            }
            Ok(waiting) => waiting.join("; "),
            Err(error) if error.class() == Class::Transient => error.to_string(),
            Err(error) => return Ended::refused(&error),
        };
        if text != told {
            context.log.line(format!("waiting: {text}"));
            told = text;
        }
        tokio::time::sleep(ASK).await;
    }
}

/// The servers that their cluster does not count as active. An engine of one node keeps no such count.
async fn inactive(servers: &[Server], account: &SqlAccount) -> Result<Vec<String>, SqlError> {
    let mut session = sql::connect_any(servers, account, sql::Limits::default()).await?;
    let Some(topology) = session.topology().await? else {
        return Ok(Vec::new());
    };
    let judge = |server: &Server| match topology.server(server) {
        Some(state) if state.status == "ACTIVE" && state.in_service => None,
        Some(state) => Some(state.to_string()),
        None => Some(format!("the cluster does not know {}", server.address())),
    };
    Ok(servers.iter().filter_map(judge).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_names_a_few_of_those_that_are_waited_for() {
        let waiting = |n: usize| (0..n).map(|i| format!("h{i}:1")).collect();
        assert_eq!(
            told(&waiting(2), 5),
            "3 of 5 servers answer, waiting for h0:1, h1:1"
        );
        assert!(told(&waiting(12), 12).ends_with(" and 2 more"));
    }
}
