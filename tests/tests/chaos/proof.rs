//! What must be true once the storm is over.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use slacktide_api::v1::driver::Kind;
use slacktide_api::v1::{Cluster, ClusterStatus, ListTasksRequest, Server, TaskStatus};

use slacktide_tests::{Api, signals_sent};

use crate::fleet::Fleet;
use crate::operator::Done;

pub(crate) async fn check(fleet: &Fleet, clusters: &[i64], done: &Done) -> Result<()> {
    let api = &fleet.calls().0[0];
    for &id in clusters {
        let wanted: Vec<i64> = done
            .followed
            .iter()
            .filter(|(cluster, _)| *cluster == id)
            .map(|(_, followed)| followed.task)
            .collect();
        let request = ListTasksRequest {
            page_size: 2_000,
            cluster_id: Some(id),
            order_by: "id".to_owned(),
            ..Default::default()
        };
        let listed = api
            .tasks
            .clone()
            .list_tasks(request)
            .await?
            .into_inner()
            .tasks;
        let mut listed_ids: Vec<i64> = listed.iter().map(|task| task.id).collect();
        // Two processes reserve ids in blocks, so the order of ids is not that of time.
        listed_ids.sort_unstable();
        let mut wanted_ids = wanted.clone();
        wanted_ids.sort_unstable();
        ensure!(
            listed_ids == wanted_ids,
            "cluster {id}: {listed_ids:?}, not {wanted_ids:?}"
        );
        for task in &listed {
            ensure!(task.status() == TaskStatus::Successful, "{task:?}");
            check_signals(api, task.id).await?;
        }
        let cluster = api.cluster(id).await?;
        let expected = match done.rounds % 2 {
            0 => ClusterStatus::Running,
            _ => ClusterStatus::Stopped,
        };
        ensure!(cluster.status() == expected, "{cluster:?}");
        ensure!(cluster.active_task_id.is_none(), "{cluster:?}");
        ensure!(cluster.generation == done.rounds as i64, "{cluster:?}");
        check_effects(fleet, &cluster, done.rounds)?;
    }
    Ok(())
}

/// No process got the same signal twice on behalf of one task. SIGKILL alone may be repeated: the second one
/// finds nobody (docs/decisions/0004).
async fn check_signals(api: &Api, task: i64) -> Result<()> {
    let mut seen = BTreeSet::new();
    for sent in signals_sent(api, &api.task(task).await?).await? {
        let again = !seen.insert(sent.clone());
        ensure!(
            !again || sent.signal == "SIGKILL",
            "task {task}: twice {sent:?}"
        );
    }
    Ok(())
}

/// Each operation touched each simulated server once, in its turn, and each under a fence of its own.
fn check_effects(fleet: &Fleet, cluster: &Cluster, rounds: usize) -> Result<()> {
    for server in cluster.zones.iter().flat_map(|zone| &zone.servers) {
        if !is_simulated(server) {
            continue;
        }
        let file = fleet
            .state_dir
            .join("simulated")
            .join(format!("{}.json", server.id));
        let text = std::fs::read(&file).with_context(|| format!("read {}", file.display()))?;
        let state: Value = serde_json::from_slice(&text)?;
        let effects = state["effects"].as_array().context("no effects")?;
        let mut by_generation: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
        for effect in effects {
            let generation = effect["generation"].as_i64().context("no generation")?;
            let act = effect["act"].as_str().context("no act")?;
            by_generation.entry(generation).or_default().push(act);
        }
        ensure!(
            by_generation.len() == rounds,
            "server {}: {effects:?}",
            server.id
        );
        for (generation, acts) in by_generation {
            let expected = if generation % 2 == 1 { "stop" } else { "start" };
            ensure!(acts == [expected], "server {}: {effects:?}", server.id);
        }
    }
    Ok(())
}

fn is_simulated(server: &Server) -> bool {
    let kind = server
        .driver
        .as_ref()
        .and_then(|driver| driver.kind.as_ref());
    matches!(kind, Some(Kind::Simulated(_)))
}
