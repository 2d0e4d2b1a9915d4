//! Every statement and every class of answer, against a server that answers by a script.

mod changing;
mod reaching;

use slacktide_engine::cluster::{Driver, Server, SqlAccount};
use slacktide_engine::id::ServerId;
use slacktide_engine::status::ResourceStatus;
use slacktide_engine::time::Micros;
use slacktide_test_databases::scripted_mysql::{Script, ScriptedMysql};

use super::{Limits, Session, connect};

pub(crate) fn server(sql_port: u16) -> Server {
    Server {
        id: ServerId(1),
        ip: "127.0.0.1".to_owned(),
        sql_port,
        rpc_port: 2882,
        status: ResourceStatus::Running,
        status_reason: String::new(),
        driver: Driver::Simulated {
            stop_ms: 0,
            fail_stops: 0,
            hang: false,
        },
        stop_time: None,
        update_time: Micros(0),
    }
}

pub(crate) fn account() -> SqlAccount {
    SqlAccount {
        user: "root".to_owned(),
        password: String::new(),
    }
}

/// A scripted server, and a session in it.
async fn session(script: Script) -> (ScriptedMysql, Server, Session) {
    let scripted = ScriptedMysql::start(script).unwrap();
    let server = server(scripted.port());
    let session = connect(&server, &account(), Limits::default())
        .await
        .unwrap();
    (scripted, server, session)
}

const ACTIVE: &str = "ACTIVE";
const TIME: &str = "2026-01-01 10:00:00.000000";

/// A cluster of the 4.x line with two servers; the one of the tests is the first.
fn v4(stop_time: Option<&str>, zone: &str) -> Script {
    let first = &[
        Some("127.0.0.1"),
        Some("2882"),
        Some("zone1"),
        Some(ACTIVE),
        stop_time,
        Some(TIME),
        Some("YES"),
    ];
    let second = &[
        Some("10.0.0.2"),
        Some("2882"),
        Some("zone2"),
        Some("INACTIVE"),
        None,
        None,
        Some("NO"),
    ];
    Script::new()
        .rows("SELECT 1 FROM oceanbase.DBA_OB_SERVERS", &[&["1"]])
        .rows_with_nulls("FROM oceanbase.DBA_OB_SERVERS", &[first, second])
        .rows(
            "FROM oceanbase.DBA_OB_ZONES",
            &[&["zone1", zone], &["zone2", ACTIVE]],
        )
}

/// The same of the 3.x line.
fn v3(stop_time: &str, zone: &str) -> Script {
    Script::new()
        .rows("SELECT 1 FROM oceanbase.__all_server", &[&["1"]])
        .rows(
            "FROM oceanbase.__all_server",
            &[&[
                "127.0.0.1",
                "2882",
                "zone1",
                "active",
                stop_time,
                "1600000000000000",
                "1",
            ]],
        )
        .rows("FROM oceanbase.__all_zone", &[&["zone1", zone]])
}
