//! What is found, what is clear, and above all what was not checked.

mod host;

use std::{path::Path, time::Duration};

use slacktide_engine::{
    cluster::{Cluster, Driver, Server, Zone},
    finding::{Finding, FindingClass, FindingResult},
    id::{ClusterId, ZoneId},
    selector::Selector,
    status::ResourceStatus,
    time::Micros,
};
use slacktide_test_databases::scripted_mysql::{Greeting, Script, ScriptedMysql};

use super::{line, preflight, preflight_within};
use crate::{
    options::Options,
    sql::tests::{account, server},
};

const SQL: [i32; 7] = [3, 6, 7, 10, 13, 17, 18];

pub(crate) fn cluster(servers: Vec<Server>) -> Cluster {
    let zone = Zone {
        id: ZoneId(1),
        name: "zone1".to_owned(),
        status: ResourceStatus::Running,
        servers,
    };
    Cluster {
        id: ClusterId(1),
        name: "ob".to_owned(),
        ob_cluster_id: 1,
        status: ResourceStatus::Running,
        status_reason: String::new(),
        generation: 0,
        active_task: None,
        sql: Some(account()),
        zones: vec![zone],
        create_time: Micros(0),
        update_time: Micros(0),
        creator: "admin".to_owned(),
        selector: Selector::default(),
    }
}

fn options() -> Options {
    Options::new("here", "/nonexistent")
}

fn process(host: &str, base_dir: &Path, sql_port: u16) -> Server {
    let mut server = server(sql_port);
    server.driver = Driver::Process {
        base_dir: base_dir.display().to_string(),
        host: host.to_owned(),
    };
    server
}

/// A server on another host that answers by the script.
fn start(script: Script) -> (ScriptedMysql, Server) {
    let scripted = ScriptedMysql::start(script).unwrap();
    let server = process("there", Path::new("/ob"), scripted.port());
    (scripted, server)
}

/// A healthy cluster of the 4.x line: every list is there, and empty.
fn healthy(script: Script) -> Script {
    script
        .rows("SELECT 1 FROM oceanbase.DBA_OB_SERVERS", &[&["1"]])
        .rows("FROM oceanbase.DBA_OB_", &[])
        .rows("FROM oceanbase.CDB_OB_", &[])
        .rows("FROM oceanbase.GV$OB_", &[])
}

async fn check(cluster: &Cluster, number: i32) -> Finding {
    let findings = preflight(cluster, &options()).await;
    findings
        .into_iter()
        .find(|finding| finding.check == number)
        .unwrap()
}

#[tokio::test]
async fn all_nine_are_answered_in_order_and_a_healthy_cluster_is_clear() {
    let (_scripted, server) = start(healthy(Script::new()));
    let findings = preflight(&cluster(vec![server]), &options()).await;
    let numbers: Vec<i32> = findings.iter().map(|finding| finding.check).collect();
    assert_eq!(numbers, [3, 6, 7, 10, 13, 17, 18, 21, 24]);
    for finding in &findings {
        let expected = match SQL.contains(&finding.check) {
            true => FindingResult::Clear,
            // Its host is another one.
            false => FindingResult::NotChecked,
        };
        assert_eq!(finding.result, expected, "{}", line(finding));
    }
    assert_eq!(
        line(&findings[0]),
        "check 3, servers being added or deleted: clear"
    );
}

#[tokio::test]
async fn each_row_of_each_statement_is_a_finding() {
    let what = ["what", "4711"];
    for (number, part, row, class) in [
        (3, "DBA_OB_SERVER_JOBS", &what[..], FindingClass::Block),
        (3, "STATUS = 'DELETING'", &what, FindingClass::Block),
        (
            6,
            "CDB_OB_MAJOR_COMPACTION",
            &["what 4711", "IDLE", "YES"],
            FindingClass::Block,
        ),
        (
            6,
            "CDB_OB_MAJOR_COMPACTION",
            &["what 4711", "VERIFYING", "NO"],
            FindingClass::Warn,
        ),
        (7, "CDB_OB_BACKUP_JOBS", &what, FindingClass::Block),
        (7, "CDB_OB_BACKUP_DELETE_JOBS", &what, FindingClass::Block),
        (10, "DBA_OB_TENANT_JOBS", &what, FindingClass::Block),
        (
            13,
            "PREVIOUS_LOCALITY",
            &["what", "4711", ""],
            FindingClass::Block,
        ),
        (
            13,
            "PREVIOUS_LOCALITY",
            &["what 4711", "NORMAL", "FULL{1}@zone1"],
            FindingClass::Block,
        ),
        (13, "SWITCHOVER_STATUS", &what, FindingClass::Block),
        (17, "GV$OB_PROCESSLIST", &what, FindingClass::Warn),
        (18, "STATE = 'PREPARE'", &what, FindingClass::Warn),
        (18, "STATE = 'ACTIVE'", &what, FindingClass::Warn),
    ] {
        let script = Script::new()
            .rows("SELECT 1 FROM oceanbase.DBA_OB_SERVERS", &[&["1"]])
            .rows(part, &[row]);
        let (_scripted, server) = start(healthy(script));
        let finding = check(&cluster(vec![server]), number).await;
        let shown = line(&finding);
        assert_eq!(
            (finding.result, finding.class),
            (FindingResult::Found, class),
            "{part}: {shown}"
        );
        assert!(shown.contains("what 4711"), "{shown}");
    }
}

#[tokio::test]
async fn what_is_as_it_should_be_is_no_finding() {
    let script = Script::new()
        .rows("SELECT 1 FROM oceanbase.DBA_OB_SERVERS", &[&["1"]])
        .rows("PREVIOUS_LOCALITY", &[&["sys", "NORMAL", ""]]);
    let (_scripted, server) = start(healthy(script));
    let finding = check(&cluster(vec![server]), 13).await;
    assert_eq!(finding.result, FindingResult::Clear, "{}", line(&finding));
}

#[tokio::test]
async fn what_an_engine_lacks_is_not_checked_and_never_clear() {
    for code in [1146, 1054, 1064] {
        let script = healthy(
            Script::new()
                .rows("SELECT 1 FROM oceanbase.DBA_OB_SERVERS", &[&["1"]])
                .error("SWITCHOVER_STATUS <>", code, "it is not there"),
        );
        let (_scripted, server) = start(script);
        let finding = check(&cluster(vec![server]), 13).await;
        assert_eq!(finding.result, FindingResult::NotChecked);
        assert!(finding.text.contains(&code.to_string()), "{}", finding.text);
    }
}

#[tokio::test]
async fn what_was_found_stands_beside_what_was_not_checked() {
    let script = healthy(
        Script::new()
            .rows("SELECT 1 FROM oceanbase.DBA_OB_SERVERS", &[&["1"]])
            .rows("CDB_OB_BACKUP_JOBS", &[&["1002", "3", "DOING"]])
            .error("CDB_OB_BACKUP_DELETE_JOBS", 1142, "SELECT denied"),
    );
    let (_scripted, server) = start(script);
    let finding = check(&cluster(vec![server]), 7).await;
    assert_eq!(finding.result, FindingResult::Found);
    assert!(
        finding.text.contains("1002 3 DOING") && finding.text.contains("not all was checked"),
        "{}",
        finding.text
    );
}

#[tokio::test]
async fn without_an_account_or_a_server_nothing_is_clear() {
    let (halted, halted_server) = start(Script::new().greeting(Greeting::Silence, 9));
    let closed = start(Script::new()).1;
    let mut no_account = cluster(vec![closed.clone()]);
    no_account.sql = None;
    for cluster in [
        no_account,
        cluster(vec![closed]),
        cluster(vec![halted_server]),
    ] {
        let findings = preflight(&cluster, &options()).await;
        for finding in findings
            .iter()
            .filter(|finding| SQL.contains(&finding.check))
        {
            assert_eq!(
                finding.result,
                FindingResult::NotChecked,
                "{}",
                line(finding)
            );
            assert!(!finding.text.is_empty());
        }
    }
    drop(halted);
}

#[tokio::test]
async fn a_view_that_hangs_holds_up_its_own_check_only() {
    let script = healthy(
        Script::new()
            .rows("SELECT 1 FROM oceanbase.DBA_OB_SERVERS", &[&["1"]])
            .silence("GV$OB_PROCESSLIST"),
    );
    let (_scripted, server) = start(script);
    let findings = preflight(&cluster(vec![server]), &options()).await;
    for finding in findings
        .iter()
        .filter(|finding| SQL.contains(&finding.check))
    {
        let expected = match finding.check {
            17 => FindingResult::NotChecked,
            _ => FindingResult::Clear,
        };
        assert_eq!(finding.result, expected, "{}", line(finding));
    }
}

#[tokio::test]
async fn a_stop_in_a_hurry_goes_on_without_what_is_not_answered() {
    let script = healthy(
        Script::new()
            .rows("SELECT 1 FROM oceanbase.DBA_OB_SERVERS", &[&["1"]])
            .silence("GV$OB_PROCESSLIST"),
    );
    let (_scripted, server) = start(script);
    let limit = Duration::from_millis(500);
    let findings = preflight_within(limit, &cluster(vec![server]), &options()).await;
    let of = |number| findings.iter().find(|finding| finding.check == number);
    assert_eq!(of(13).unwrap().result, FindingResult::Clear);
    for number in [17, 18] {
        let finding = of(number).unwrap();
        assert_eq!(finding.result, FindingResult::NotChecked);
        assert!(
            finding.text.contains("no answer in time"),
            "{}",
            finding.text
        );
    }
}

#[tokio::test]
async fn the_three_line_is_asked_in_its_own_words() {
    let script = Script::new()
        .rows("SELECT 1 FROM oceanbase.__all_server", &[&["1"]])
        .rows("name = 'merge_status'", &[&["zone1", "MERGING"]])
        .rows("FROM oceanbase.__all_", &[])
        .rows("FROM oceanbase.CDB_OB_BACKUP_PROGRESS", &[]);
    let (_scripted, server) = start(script);
    let cluster = cluster(vec![server]);
    let findings = preflight(&cluster, &options()).await;
    for finding in findings
        .iter()
        .filter(|finding| SQL.contains(&finding.check))
    {
        let expected = match finding.check {
            6 => FindingResult::Found,
            _ => FindingResult::Clear,
        };
        assert_eq!(finding.result, expected, "{}", line(finding));
    }
}

const SESSIONS: &str = "FROM oceanbase.__all_virtual_processlist";

#[tokio::test]
async fn engines_of_one_node_are_asked_each() {
    let busy = Script::new().rows(SESSIONS, &[&["shop", "Query", "", "2"]]);
    let (_one, first) = start(busy);
    let (_two, second) = start(Script::new().rows(SESSIONS, &[]));
    let (_three, halted) = start(Script::new().greeting(Greeting::Silence, 9));
    let mut cluster = cluster(vec![first.clone(), second]);
    let sessions = check(&cluster, 17).await;
    assert_eq!(sessions.result, FindingResult::Found);
    let expected = format!("by user on 127.0.0.1:{}: shop 2", first.sql_port);
    assert_eq!(sessions.text, expected);
    assert_eq!(check(&cluster, 13).await.result, FindingResult::NotChecked);

    cluster.zones[0].servers.push(halted);
    let text = check(&cluster, 17).await.text;
    assert!(
        text.contains("shop 2") && text.contains("not all was checked"),
        "{text}"
    );
}

#[tokio::test]
async fn sessions_and_transactions_of_one_engine_are_told_from_one_answer() {
    let sessions: &[&[&str]] = &[
        &["shop", "Query", "ACTIVE", "2"],
        &["shop", "Query", "", "1"],
        &["shop", "Sleep", "ACTIVE", "4"],
        &["root", "Sleep", "", "9"],
        &["root", "Daemon", "IDLE", "9"],
    ];
    let (scripted, server) = start(Script::new().rows(SESSIONS, sessions));
    let cluster = cluster(vec![server]);
    let findings = preflight(&cluster, &options()).await;
    let text = |number| {
        let finding = findings.iter().find(|finding| finding.check == number);
        finding.unwrap().text.clone()
    };
    assert_eq!(text(17), "by user: shop 3");
    assert_eq!(text(18), "open, will be rolled back, by state: ACTIVE 6");
    assert_eq!(scripted.received(SESSIONS).len(), 1);
    assert_eq!(scripted.received("ob_query_timeout").len(), 1);
}

#[tokio::test]
async fn one_server_of_a_cluster_speaks_for_all() {
    let (one, first) = start(healthy(Script::new()));
    let (two, second) = start(healthy(Script::new()));
    let (_halted, halted) = start(Script::new().greeting(Greeting::Silence, 9));
    let cluster = cluster(vec![halted, first, second]);
    assert_eq!(check(&cluster, 7).await.result, FindingResult::Clear);
    let asked = [one, two].map(|scripted| scripted.received("CDB_OB_BACKUP_JOBS").len());
    assert!(asked == [1, 0] || asked == [0, 1], "{asked:?}");
}

#[tokio::test]
async fn what_answers_at_the_address_of_a_simulated_server_is_not_asked() {
    let (scripted, mut simulated) = start(healthy(Script::new()));
    simulated.driver = Driver::Simulated {
        stop_ms: 0,
        fail_stops: 0,
        hang: false,
    };
    let (_real, real) = start(Script::new().rows(SESSIONS, &[]));
    let all_simulated = cluster(vec![simulated.clone()]);
    assert_eq!(
        check(&all_simulated, 17).await.result,
        FindingResult::NotChecked
    );
    let some = cluster(vec![simulated, real]);
    assert_eq!(check(&some, 17).await.result, FindingResult::Clear);
    assert_eq!(scripted.statements(), [""; 0]);
}
