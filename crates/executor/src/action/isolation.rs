//! `Stop server`, `Stop zone`, `Prepare restart OB zone` take a server or a zone out of service by SQL; `Start
//! server` and `Start zone` take it back into service.
//!
//! Each looks first and asks only for what is not so yet. The kernel refuses what would cost tenants their
//! majority; its words are passed on. Undoing a stop trusts no look, since a stop that was canceled or lost may
//! take effect after it.

use std::time::Duration;

use slacktide_engine::{
    cluster::{Cluster, Server, SqlAccount},
    kind::SubtaskKind,
    status::{Extent, Goal},
};

use super::{Ended, cluster, late_stop, unless_told_to_stop};
use crate::{
    run::Context,
    sql::{self, Change, Limits, Part, Session, SqlError},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    InService,
    OutOfService,
    /// In service again, and to stay so, after this subtask took it out.
    Restored,
}

pub(super) async fn run(context: &Context<'_>) -> Ended {
    let wish = match context.assignment.subtask.kind {
        SubtaskKind::StartServer | SubtaskKind::StartZone => Wish::InService,
        _ => Wish::OutOfService,
    };
    unless_told_to_stop(context, reach(context, wish)).await
}

pub(super) async fn undo(context: &Context<'_>) -> Ended {
    let (subtask, task) = (&context.assignment.subtask, &context.assignment.task);
    let isolated = !matches!(
        subtask.kind,
        SubtaskKind::StartServer | SubtaskKind::StartZone
    );
    if isolated {
        return unless_told_to_stop(context, reach(context, Wish::Restored)).await;
    }
    // Only a start of a zone or a server found it out of service. Nothing depends on that it is so again.
    if task.kind.goal() == Goal::Start && task.kind.extent() != Extent::Cluster {
        let isolating = async {
            if let Ended::Done { outcome, .. } = reach(context, Wish::OutOfService).await
                && let Err(failure) = outcome.result
            {
                let reason = failure.reason;
                context.log.line(format!("it stays in service: {reason}"));
            }
            Ended::seen(None)
        };
        return unless_told_to_stop(context, isolating).await;
    }
    context.log.line("it stays in service: nothing to undo");
    Ended::seen(None)
}

async fn reach(context: &Context<'_>, wish: Wish) -> Ended {
    let cluster = match cluster(context).await {
        Ok(cluster) => cluster,
        Err(ended) => return ended,
    };
    let Some(account) = &cluster.sql else {
        context
            .log
            .line("not asked for: the cluster has no SQL account");
        return Ended::seen(None);
    };
    let Some(part) = part(context, &cluster) else {
        return Ended::failed(
            "it is no longer registered: register the cluster again",
            None,
        );
    };
    match ask(context, wish, &cluster, account, part).await {
        Ok(Some(change)) => {
            context.log.line(match change {
                Change::Made => "done",
                Change::NotNeeded => "it was so already",
                Change::NotSupported => "this engine has no such statement: nothing to do",
            });
            Ended::seen(None)
        }
        Ok(None) => Ended::Lost,
        Err(error) => Ended::refused(&error),
    }
}

fn part<'c>(context: &Context<'_>, cluster: &'c Cluster) -> Option<Part<'c>> {
    let subtask = &context.assignment.subtask;
    match (subtask.server, subtask.zone) {
        (Some(id), _) => cluster
            .servers()
            .find(|server| server.id == id)
            .map(Part::Server),
        (None, Some(id)) => cluster
            .zones
            .iter()
            .find(|zone| zone.id == id)
            .map(|zone| Part::Zone(&zone.name)),
        (None, None) => None,
    }
}

/// `None` if the run is somebody else's: then nothing was asked for.
async fn ask(
    context: &Context<'_>,
    wish: Wish,
    cluster: &Cluster,
    account: &SqlAccount,
    part: Part<'_>,
) -> Result<Option<Change>, SqlError> {
    let mut session = session(cluster, account, part).await?;
    let (session, log) = (&mut session, context.log);
    let changed = match wish {
        Wish::InService => sql::start(session, part, log).await,
        Wish::OutOfService => {
            // Nothing fences the kernel: a run that was paused until now must not ask for a stop any more.
            let intent = format!("stop of {part} by SQL");
            if context.intents.record(&intent).await.is_err() {
                return Ok(None);
            }
            sql::stop(session, part, log).await
        }
        Wish::Restored => {
            let late = match late_stop::may_come(context).await {
                true => sql::LATE_STOP,
                false => Duration::ZERO,
            };
            sql::restore(session, part, late, log).await
        }
    };
    changed.map(Some)
}

/// A session in any server, but in one of those that are not concerned where one of them answers.
async fn session(
    cluster: &Cluster,
    account: &SqlAccount,
    part: Part<'_>,
) -> Result<Session, SqlError> {
    let mut concerned: Vec<Server> = Vec::new();
    let mut others = Vec::new();
    for zone in &cluster.zones {
        for server in zone.servers.iter().filter(|server| sql::has_port(server)) {
            let is_concerned = match part {
                Part::Server(own) => own.id == server.id,
                Part::Zone(own) => own == zone.name,
            };
            match is_concerned {
                true => concerned.push(server.clone()),
                false => others.push(server.clone()),
            }
        }
    }
    match sql::connect_any(&others, account, Limits::default()).await {
        Err(_) => sql::connect_any(&concerned, account, Limits::default()).await,
        session => session,
    }
}
