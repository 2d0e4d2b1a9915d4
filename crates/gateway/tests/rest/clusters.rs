//! `/api/v2/ob/clusters`, `/api/v2/info` and `/api/v2/time`.

use prost_types::Timestamp;
use serde_json::json;
use slacktide_api::v1::{Cluster, ClusterStatus, Server, ServerStatus, Zone, ZoneStatus};

use crate::{
    scripted::Script,
    support::{Rest, assert_keys_sorted, assert_timestamp, millis, request},
};

const LIST: &str = "/api/v2/ob/clusters";

pub(crate) fn cluster() -> Cluster {
    let server = |id, stop_time| Server {
        id,
        ip: "127.0.0.1".to_owned(),
        sql_port: 2881,
        rpc_port: 2882,
        status: ServerStatus::Stopped.into(),
        stop_time,
        ..Server::default()
    };
    let stopped = Timestamp {
        seconds: 5,
        nanos: 0,
    };
    Cluster {
        id: 21,
        name: "ob_demo".to_owned(),
        ob_cluster_id: 22,
        status: ClusterStatus::Stopping.into(),
        zones: vec![
            Zone {
                id: 3,
                name: "zone1".to_owned(),
                status: ZoneStatus::Stopping.into(),
                servers: vec![server(5, Some(stopped)), server(6, None)],
            },
            Zone {
                id: 4,
                name: "zone2".to_owned(),
                status: ZoneStatus::Running.into(),
                servers: vec![],
            },
        ],
        sql_user: "root".to_owned(),
        create_time: Some(Timestamp {
            seconds: 1,
            nanos: 0,
        }),
        creator: "admin".to_owned(),
        ..Cluster::default()
    }
}

fn rest() -> Rest {
    Rest::new(Script {
        clusters: vec![cluster()],
        total_size: 1,
        ..Script::default()
    })
}

#[tokio::test]
async fn a_cluster_shows_its_zones_and_servers() {
    let rest = rest();
    let answer = rest.get("/api/v2/ob/clusters/21").await;
    assert_keys_sorted(&answer.body);
    let mut data = answer.data();
    assert_eq!(millis(&data["createTime"].take()), 1_000);
    let servers = &mut data["zones"][0]["servers"];
    assert_eq!(millis(&servers[0]["stopTime"].take()), 5_000);
    // Never stopped yet.
    assert_eq!(millis(&servers[1]["stopTime"].take()), 0);
    let server = |id| {
        json!({
            "clusterId": 21, "id": id, "ip": "127.0.0.1", "port": 2882, "sqlPort": 2881,
            "status": "STOPPED", "stopTime": null, "zoneName": "zone1",
        })
    };
    assert_eq!(
        data,
        json!({
            "createTime": null,
            "creator": "admin",
            "id": 21,
            "name": "ob_demo",
            "obClusterId": 22,
            "serverCount": 2,
            "status": "STOPPING",
            "type": "PRIMARY",
            "zones": [
                {
                    "clusterId": 21, "name": "zone1", "obClusterId": 22, "serverCount": 2,
                    "servers": [server(5), server(6)], "status": "STOPPING",
                },
                {
                    "clusterId": 21, "name": "zone2", "obClusterId": 22, "serverCount": 0,
                    "servers": [], "status": "RUNNING",
                },
            ],
        })
    );
    assert_eq!(rest.server.seen().get_cluster.take().unwrap().id, 21);
}

#[tokio::test]
async fn the_list_is_a_page() {
    let rest = rest();
    let query = "name=demo&status=RUNNING,CREATING&sort=updateTime,desc&size=9999&page=x";
    let data = rest.get(&format!("{LIST}?{query}")).await.data();
    assert_eq!(data["contents"][0]["id"], 21);
    assert_eq!(
        data["page"],
        json!({"number": 1, "size": 2000, "totalElements": 1, "totalPages": 1})
    );
    let asked = rest.server.seen().list_clusters.take().unwrap();
    assert_eq!(asked.name, "demo");
    assert_eq!(asked.statuses, [i32::from(ClusterStatus::Running)]);
    assert_eq!(asked.order_by, "update_time desc");
    assert_eq!((asked.page_size, asked.skip), (2000, 0));
}

#[tokio::test]
async fn a_status_that_never_occurs_finds_nothing() {
    let data = rest().get(&format!("{LIST}?status=CREATING")).await.data();
    assert_eq!(data["contents"], json!([]));
    assert_eq!(data["page"]["totalElements"], 0);
}

#[tokio::test]
async fn info_tells_who_answers_and_to_whom() {
    let answer = rest().get("/api/v2/info").await;
    assert_keys_sorted(&answer.body);
    let mut data = answer.data();
    assert_eq!(millis(&data["startTime"].take()), 0);
    assert_eq!(
        data,
        json!({"host": "db1", "startTime": null, "user": "admin", "version": "0.1.0"})
    );
}

#[tokio::test]
async fn the_time_is_bare_text_for_anyone() {
    let rest = rest();
    let answer = rest
        .send_as_is(request(http::Method::GET, "/api/v2/time", ""))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    let text = std::str::from_utf8(&answer.body).unwrap();
    assert_timestamp(&json!(text));
    assert_eq!(rest.server.seen().calls, 0);
}

#[tokio::test]
async fn zones_and_servers_are_lists_of_their_own() {
    let cluster = format!("{LIST}/21");
    let shown = rest().get(&cluster).await.data();
    let zones = rest().get(&format!("{cluster}/zones")).await.data();
    assert_eq!(zones, json!({"contents": shown["zones"]}));

    let of_zone = json!({"contents": shown["zones"][0]["servers"]});
    for path in ["servers", "zones/zone1/servers"] {
        let servers = rest().get(&format!("{cluster}/{path}")).await.data();
        assert_eq!(servers, of_zone, "{path}");
    }
    for path in [
        "zones/zone2/servers",
        "servers?regionName=r",
        "servers?idcName=i",
    ] {
        let servers = rest().get(&format!("{cluster}/{path}")).await.data();
        assert_eq!(servers, json!({"contents": []}), "{path}");
    }

    let missing = rest().get(&format!("{cluster}/zones/zone3/servers")).await;
    assert_eq!(missing.status, 404);
    assert_eq!(
        missing.error(),
        json!({"code": 12002, "message": "there is no zone zone3"})
    );
}

#[tokio::test]
async fn the_status_is_one_word() {
    let answer = rest().get("/api/status").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, "okay");
}
