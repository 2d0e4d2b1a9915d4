use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use slacktide_test_databases::{MariaDb, Nats, OceanBase, Options, Postgres, runs};
use sqlx::{Connection, MySqlConnection, PgConnection, Row};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Long enough for a machine that is busy, short enough for a test that hangs.
const LIMIT: Duration = Duration::from_secs(60);
const SILENCE: Duration = Duration::from_millis(300);

macro_rules! keeps_its_data_over_a_kill {
    ($name:ident, $server:ty, $session:ty) => {
        #[tokio::test]
        async fn $name() {
            if !runs(stringify!($name), <$server>::available()).unwrap() {
                return;
            }
            let mut server = <$server>::start(Options::default()).await.unwrap();
            let url = server.fresh_database().await.unwrap();
            let other = server.fresh_database().await.unwrap();
            assert_ne!(url, other);

            let mut session = <$session>::connect(&url).await.unwrap();
            sqlx::raw_sql("CREATE TABLE kept (id BIGINT PRIMARY KEY)")
                .execute(&mut session)
                .await
                .unwrap();
            sqlx::raw_sql("INSERT INTO kept VALUES (7)")
                .execute(&mut session)
                .await
                .unwrap();

            let pid = server.pid();
            server.kill().unwrap();
            assert!(!server.is_running());
            assert!(
                sqlx::raw_sql("SELECT 1")
                    .execute(&mut session)
                    .await
                    .is_err()
            );
            server.start_again().await.unwrap();
            assert!(server.is_running());
            assert_ne!(server.pid(), pid);

            let mut session = <$session>::connect(&url).await.unwrap();
            let row = sqlx::query("SELECT id FROM kept")
                .fetch_one(&mut session)
                .await
                .unwrap();
            assert_eq!(row.get::<i64, _>(0), 7);

            server.pause().unwrap();
            let mut asked =
                std::pin::pin!(sqlx::query("SELECT id FROM kept").fetch_one(&mut session));
            assert!(
                timeout(SILENCE, &mut asked).await.is_err(),
                "a halted server answered"
            );
            server.resume().unwrap();
            let row = timeout(LIMIT, asked).await.unwrap().unwrap();
            assert_eq!(row.get::<i64, _>(0), 7);
        }
    };
}

keeps_its_data_over_a_kill!(postgres_keeps_its_data_over_a_kill, Postgres, PgConnection);
keeps_its_data_over_a_kill!(mariadb_keeps_its_data_over_a_kill, MariaDb, MySqlConnection);
keeps_its_data_over_a_kill!(
    oceanbase_keeps_its_data_over_a_kill,
    OceanBase,
    MySqlConnection
);

#[tokio::test]
async fn nats_comes_back_on_its_port() {
    if !runs("nats_comes_back_on_its_port", Nats::available()).unwrap() {
        return;
    }
    let mut server = Nats::start(Options::default()).await.unwrap();
    let address = ("127.0.0.1", server.port());
    server.kill().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    server.start_again().await.unwrap();
    assert!(TcpStream::connect(address).await.is_ok());
}

#[tokio::test]
async fn a_server_that_does_not_come_up_says_why() {
    if !runs("a_server_that_does_not_come_up_says_why", Nats::available()).unwrap() {
        return;
    }
    let mut server = Nats::start(Options::default()).await.unwrap();
    server.kill().unwrap();
    let _taken = tokio::net::TcpListener::bind(("127.0.0.1", server.port()))
        .await
        .unwrap();
    let error = server.start_again().await.unwrap_err().to_string();
    assert!(error.contains("address already in use"), "{error}");
}

/// Holds servers until it is killed or its input ends: the other half of the case below.
#[tokio::test]
#[ignore = "started by another case"]
async fn holds_servers() {
    let mut postgres = Postgres::start(Options { durable: false }).await.unwrap();
    let nats = Nats::start(Options::default()).await.unwrap();
    println!("held {}", postgres.pid());
    println!("held {}", nats.pid());
    // Even a halted one must not be left behind.
    postgres.pause().unwrap();
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn a_killed_test_leaves_neither_servers_nor_files_behind() {
    let case = "a_killed_test_leaves_neither_servers_nor_files_behind";
    let available = Postgres::available().and_then(|()| Nats::available());
    if !runs(case, available).unwrap() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    open_to_all(place.path());
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "lifecycle::holds_servers",
            "--ignored",
            "--nocapture",
        ])
        .env("TMPDIR", place.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let pids: Vec<u32> = lines
        .map(Result::unwrap)
        .take_while(|line| line != "ready")
        .filter_map(|line| line.split_once("held ")?.1.parse().ok())
        .collect();
    assert_eq!(pids.len(), 2);
    let running = |pid: &u32| Path::new(&format!("/proc/{pid}")).exists();
    assert!(pids.iter().all(running));
    assert_eq!(entries(place.path()), 2);

    holder.kill().unwrap();
    holder.wait().unwrap();
    let deadline = std::time::Instant::now() + LIMIT;
    while pids.iter().any(running) || entries(place.path()) > 0 {
        assert!(
            std::time::Instant::now() < deadline,
            "servers are left behind"
        );
        // The ends of strangers' children announce themselves to nobody here.
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn entries(directory: &Path) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

/// A server may run as another user.
fn open_to_all(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(directory, PermissionsExt::from_mode(0o755)).unwrap();
}
