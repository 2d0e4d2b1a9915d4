//! Asking for operations by their verbs.

use slacktide_api::v1 as pb;
use tonic::Status;

use crate::kit::Kit;

/// An operation, and what it is called by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    StopCluster,
    StartCluster,
    RestartCluster,
    StopZone,
    StartZone,
    RestartZone,
    StopServer,
    StartServer,
    RestartServer,
}

pub(super) use Verb::*;

pub(super) const ALL: [Verb; 9] = [
    StopCluster,
    StartCluster,
    RestartCluster,
    StopZone,
    StartZone,
    RestartZone,
    StopServer,
    StartServer,
    RestartServer,
];

/// What it is to work on, and how it is asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct On {
    pub(super) cluster: i64,
    pub(super) zone: String,
    pub(super) server: i64,
    pub(super) key: String,
    pub(super) dry: bool,
}

impl On {
    /// The first zone and the first server of a cluster.
    pub(super) fn first_of(cluster: &pb::Cluster) -> Self {
        let zone = &cluster.zones[0];
        Self {
            cluster: cluster.id,
            zone: zone.name.clone(),
            server: zone.servers[0].id,
            ..Self::default()
        }
    }
}

macro_rules! call {
    ($client:ident, $on:ident, $method:ident, $request:ident { $($field:ident $(: $value:expr)?),* $(,)? }) => {{
        let request = pb::$request {
            request_id: $on.key,
            validate_only: $on.dry,
            $($field $(: $value)?,)*
            ..pb::$request::default()
        };
        $client.$method(request).await?.into_inner().task.unwrap()
    }};
}

pub(super) async fn ask_as(kit: &Kit, user: &str, verb: Verb, on: &On) -> Result<pb::Task, Status> {
    let (mut client, on) = (kit.clusters(user), on.clone());
    let (id, server_id) = (on.cluster, on.server);
    Ok(match verb {
        StopCluster => call!(client, on, stop_cluster, StopClusterRequest { id }),
        StartCluster => call!(client, on, start_cluster, StartClusterRequest { id }),
        RestartCluster => call!(client, on, restart_cluster, RestartClusterRequest { id }),
        StopZone => {
            call!(
                client,
                on,
                stop_zone,
                StopZoneRequest {
                    cluster_id: id,
                    zone_name: on.zone
                }
            )
        }
        StartZone => {
            call!(
                client,
                on,
                start_zone,
                StartZoneRequest {
                    cluster_id: id,
                    zone_name: on.zone
                }
            )
        }
        RestartZone => {
            call!(
                client,
                on,
                restart_zone,
                RestartZoneRequest {
                    cluster_id: id,
                    zone_name: on.zone
                }
            )
        }
        StopServer => {
            call!(
                client,
                on,
                stop_server,
                StopServerRequest {
                    cluster_id: id,
                    server_id
                }
            )
        }
        StartServer => {
            call!(
                client,
                on,
                start_server,
                StartServerRequest {
                    cluster_id: id,
                    server_id
                }
            )
        }
        RestartServer => {
            call!(
                client,
                on,
                restart_server,
                RestartServerRequest {
                    cluster_id: id,
                    server_id
                }
            )
        }
    })
}

pub(super) async fn ask(kit: &Kit, verb: Verb, on: &On) -> Result<pb::Task, Status> {
    ask_as(kit, "mona", verb, on).await
}

pub(super) async fn get(kit: &Kit, id: i64) -> pb::Cluster {
    let request = pb::GetClusterRequest { id };
    let found = kit.clusters("vera").get_cluster(request).await;
    found.unwrap().into_inner().cluster.unwrap()
}

/// Carries an operation out to its end and returns the cluster.
pub(super) async fn done(kit: &Kit, verb: Verb, on: &On) -> pb::Cluster {
    let task = ask(kit, verb, on).await.unwrap();
    kit.run(task.id, None).await;
    let request = pb::GetTaskRequest {
        id: task.id,
        view: 0,
    };
    let ended = kit.tasks("vera").get_task(request).await.unwrap();
    let ended = ended.into_inner().task.unwrap();
    assert_eq!(ended.status(), pb::TaskStatus::Successful, "{ended:?}");
    get(kit, on.cluster).await
}

/// Two zones of two servers, in the statuses that operation after operation leaves.
pub(super) async fn after(kit: &Kit, verbs: &[Verb]) -> On {
    let cluster = kit.register("ob_demo", 2, 2).await;
    let on = On::first_of(&cluster);
    for verb in verbs {
        done(kit, *verb, &on).await;
    }
    on
}
