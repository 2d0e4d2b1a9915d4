//! OCP's contexts (`docs/contract.md`, "Context"): values are always strings.

use std::collections::BTreeMap;

use crate::{
    allow::Subject,
    cluster::{Cluster, Server, Zone},
    status::{Goal, ResourceStatus},
    task::Context,
};

/// The context of an operation.
pub(super) fn of(cluster: &Cluster, goal: Goal, subject: Subject<'_>) -> Context {
    let mut context = Context::default();
    set(&mut context, "cluster_name", &cluster.name);
    set(&mut context, "cluster_id", &cluster.id);
    if goal != Goal::Start || subject != Subject::Cluster {
        set(&mut context, "former_cluster_status", &cluster.status);
    }
    match subject {
        Subject::Cluster if goal == Goal::Restart => {
            for zone in &cluster.zones {
                let key = format!("{}.{}.server_ids", cluster.id, zone.name);
                context.lists.insert(key, server_ids(&zone.servers));
            }
        }
        Subject::Cluster => {
            let ids = server_ids(cluster.servers());
            context.lists.insert("server_ids".to_owned(), ids);
        }
        Subject::Zone(zone) => {
            of_part(&mut context, zone, &zone.servers);
            set(&mut context, "target_zone_status", &goal.reached());
        }
        Subject::Server(zone, server) => {
            of_part(&mut context, zone, [server]);
            set(&mut context, "server_id", &server.id);
        }
    }
    if subject == Subject::Cluster {
        let names = cluster.zones.iter().map(|zone| zone.name.clone()).collect();
        context.lists.insert("zone_names".to_owned(), names);
    }
    context
}

fn of_part<'s>(context: &mut Context, zone: &Zone, servers: impl IntoIterator<Item = &'s Server>) {
    set(context, "target_cluster_status", &ResourceStatus::Running);
    set(context, "former_zone_status", &zone.status);
    set(context, "zone_name", &zone.name);
    set(context, "prohibit_rollback", &false);
    context.lists = BTreeMap::from([("server_ids".to_owned(), server_ids(servers))]);
}

fn set(context: &mut Context, key: &str, value: &dyn std::fmt::Display) {
    context.strings.insert(key.to_owned(), value.to_string());
}

fn server_ids<'s>(servers: impl IntoIterator<Item = &'s Server>) -> Vec<String> {
    servers
        .into_iter()
        .map(|server| server.id.to_string())
        .collect()
}
