//! The checks that look at hosts: those on which this executor is.

use futures::{StreamExt, stream};
use slacktide_engine::{
    cluster::{Cluster, Driver, Server},
    finding::{Finding, FindingClass::Block},
};
use tokio::time::Instant;

use super::verdict::Verdict;
use crate::{
    driver::{
        process::{Finding as Look, Owner, Process, StartError},
        process_driver,
    },
    options::Options,
    sql::address,
};

/// Looks read all of `/proc` each.
const PARALLEL: usize = 8;

/// Makes the checks until `deadline`.
pub(super) async fn findings(
    cluster: &Cluster,
    options: &Options,
    deadline: Instant,
) -> Vec<Finding> {
    let servers: Vec<Server> = cluster.servers().cloned().collect();
    let looks = servers.into_iter().map(|server| async move {
        let looking = tokio::time::timeout_at(deadline, check(&server, options)).await;
        looking.unwrap_or_else(|_| {
            let reason = format!("{}: its host did not answer in time", address(&server));
            [(); 2].map(|()| Verdict::of_unchecked(&reason))
        })
    });
    let looks: Vec<_> = looks.collect();
    let mut looks = stream::iter(looks).buffer_unordered(PARALLEL);
    let [mut owner, mut configuration] = [Verdict::default(), Verdict::default()];
    while let Some([own, conf]) = looks.next().await {
        owner.add(own);
        configuration.add(conf);
    }
    vec![
        owner.finding(21, "something that restarts the server", Block),
        configuration.finding(24, "what a start needs", Block),
    ]
}

/// Who would start the server again, and whether it could be started.
async fn check(server: &Server, options: &Options) -> [Verdict; 2] {
    let own = &options.host;
    match &server.driver {
        // It has nothing that could restart it, and needs nothing to start.
        Driver::Simulated { .. } => [Verdict::default(), Verdict::default()],
        Driver::Process { host, .. } if host != own => {
            let reason = format!("servers on host {host} cannot be looked at from {own}");
            [(); 2].map(|()| Verdict::of_unchecked(&reason))
        }
        Driver::Process { base_dir, .. } => {
            let driver = process_driver(base_dir, server.sql_port, server.rpc_port, options);
            let look = driver.look().await;
            let launch = match &look {
                Look::One(process) => Some(process.launch.clone()),
                _ => None,
            };
            let mut configuration = Verdict::default();
            match driver.check_start(launch).await {
                Ok(()) => {}
                Err(error @ StartError::Unknown { .. }) => {
                    configuration.not_checked(format!("{}: {error}", address(server)));
                }
                Err(error) => configuration.found(Block, format!("{}: {error}", address(server))),
            }
            [owner(server, look), configuration]
        }
    }
}

fn owner(server: &Server, look: Look) -> Verdict {
    let mut verdict = Verdict::default();
    let processes: Vec<Process> = match look {
        Look::None => Vec::new(),
        Look::One(process) => vec![*process],
        Look::Multiple(processes) => processes,
        other @ (Look::Foreign(_) | Look::Unknown { .. }) => {
            verdict.not_checked(format!("{}: {other}", address(server)));
            return verdict;
        }
    };
    for process in processes {
        let address = address(server);
        match process.owner {
            Owner::None => {}
            Owner::Systemd { unit } => verdict.found(
                Block,
                format!("{address}: the systemd unit {unit}; run `systemctl stop {unit}` first"),
            ),
            Owner::Supervisor { pid, name } => {
                verdict.found(Block, format!("{address}: pid {pid} ({name})"));
            }
            Owner::Unclear { unit, reason } => verdict.not_checked(format!(
                "{address}: systemd does not tell of unit {unit}: {reason}"
            )),
        }
    }
    verdict
}
