//! What is found, what is clear, and above all what was not checked.

use std::path::Path;

use slacktide_engine::{
    cluster::{Cluster, Driver, Server, Zone},
    finding::{Finding, FindingClass, FindingResult},
    id::{ClusterId, ZoneId},
    selector::Selector,
    status::ResourceStatus,
    time::Micros,
};
use slacktide_test_databases::scripted_mysql::{Greeting, Script, ScriptedMysql};

use super::{line, preflight};
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

fn start(script: Script) -> (ScriptedMysql, Server) {
    let scripted = ScriptedMysql::start(script).unwrap();
    let server = server(scripted.port());
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
        assert_eq!(finding.result, FindingResult::Clear, "{}", line(finding));
    }
    assert_eq!(
        line(&findings[0]),
        "check 3, servers being added or deleted: clear"
    );
}

#[tokio::test]
async fn each_row_of_each_statement_is_a_finding() {
    for (number, part, class) in [
        (3, "DBA_OB_SERVER_JOBS", FindingClass::Block),
        (3, "STATUS = 'DELETING'", FindingClass::Block),
        (6, "IS_ERROR = 'YES'", FindingClass::Block),
        (6, "'COMPACTING'", FindingClass::Warn),
        (7, "CDB_OB_BACKUP_JOBS", FindingClass::Block),
        (7, "CDB_OB_BACKUP_DELETE_JOBS", FindingClass::Block),
        (10, "DBA_OB_TENANT_JOBS", FindingClass::Block),
        (13, "STATUS <> 'NORMAL'", FindingClass::Block),
        (13, "PREVIOUS_LOCALITY", FindingClass::Block),
        (17, "GV$OB_PROCESSLIST", FindingClass::Warn),
        (18, "STATE = 'PREPARE'", FindingClass::Warn),
        (18, "STATE = 'ACTIVE'", FindingClass::Warn),
    ] {
        let script = Script::new()
            .rows("SELECT 1 FROM oceanbase.DBA_OB_SERVERS", &[&["1"]])
            .rows(part, &[&["what", "4711"]]);
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
    let closed = server(start(Script::new()).0.port());
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
    for finding in findings {
        let expected = match finding.check {
            17 => FindingResult::NotChecked,
            _ => FindingResult::Clear,
        };
        assert_eq!(finding.result, expected, "{}", line(&finding));
    }
}

#[tokio::test]
async fn the_three_line_is_asked_in_its_own_words() {
    let script = Script::new()
        .rows("SELECT 1 FROM oceanbase.__all_server", &[&["1"]])
        .rows("info = 'MERGING'", &[&["zone1", "MERGING"]])
        .rows("FROM oceanbase.__all_", &[])
        .rows("FROM oceanbase.CDB_OB_BACKUP_PROGRESS", &[]);
    let (_scripted, server) = start(script);
    let cluster = cluster(vec![server]);
    let findings = preflight(&cluster, &options()).await;
    for finding in findings {
        let expected = match finding.check {
            6 => FindingResult::Found,
            _ => FindingResult::Clear,
        };
        assert_eq!(finding.result, expected, "{}", line(&finding));
    }
}

#[tokio::test]
async fn engines_of_one_node_are_asked_each() {
    let busy = Script::new().rows("FROM oceanbase.V$OB_PROCESSLIST", &[&["shop", "2"]]);
    let (_one, first) = start(busy);
    let (_two, second) = start(Script::new().rows("FROM oceanbase.V$OB_PROCESSLIST", &[]));
    let cluster = cluster(vec![first.clone(), second]);
    let sessions = check(&cluster, 17).await;
    assert_eq!(sessions.result, FindingResult::Found);
    assert!(
        sessions
            .text
            .contains(&format!("127.0.0.1:{}: shop 2", first.sql_port)),
        "{}",
        sessions.text
    );
    assert_eq!(check(&cluster, 13).await.result, FindingResult::NotChecked);
}

fn process(host: &str, base_dir: &Path) -> Server {
    let mut server = server(1);
    server.driver = Driver::Process {
        base_dir: base_dir.display().to_string(),
        host: host.to_owned(),
    };
    server
}

#[tokio::test]
async fn hosts_elsewhere_and_missing_directories_are_not_checked() {
    let dir = tempfile::tempdir().unwrap();
    for server in [
        process("there", dir.path()),
        process("here", &dir.path().join("typo")),
    ] {
        let cluster = cluster(vec![server]);
        for number in [21, 24] {
            let finding = check(&cluster, number).await;
            assert_eq!(
                finding.result,
                FindingResult::NotChecked,
                "{}",
                line(&finding)
            );
        }
    }
}

#[tokio::test]
async fn a_directory_without_configuration_is_found() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("etc")).unwrap();
    std::fs::create_dir_all(dir.path().join("bin")).unwrap();
    std::fs::write(dir.path().join("bin/observer"), "").unwrap();
    let cluster = cluster(vec![process("here", dir.path())]);
    assert_eq!(check(&cluster, 24).await.result, FindingResult::Found);
    std::fs::write(dir.path().join("etc/observer.config.bin"), "").unwrap();
    assert_eq!(check(&cluster, 24).await.result, FindingResult::Clear);
    assert_eq!(check(&cluster, 21).await.result, FindingResult::Clear);
}
