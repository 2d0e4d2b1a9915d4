use super::*;

fn simulated() -> Option<pb::Driver> {
    let kind = driver::Kind::Simulated(pb::SimulatedDriver {
        stop_ms: 50,
        ..Default::default()
    });
    Some(pb::Driver { kind: Some(kind) })
}

fn process(base_dir: &str, host: &str) -> Option<pb::Driver> {
    let kind = driver::Kind::Process(pb::ProcessDriver {
        base_dir: base_dir.to_owned(),
        executor_host: host.to_owned(),
    });
    Some(pb::Driver { kind: Some(kind) })
}

/// Two zones of two servers each.
fn valid() -> pb::ClusterSpec {
    let server = |zone: i32, server: i32| pb::ServerSpec {
        ip: format!("10.0.{zone}.{server}"),
        sql_port: 2881,
        rpc_port: 2882,
        driver: simulated(),
    };
    let zone = |zone| pb::ZoneSpec {
        name: format!("zone{zone}"),
        servers: vec![server(zone, 1), server(zone, 2)],
    };
    pb::ClusterSpec {
        name: "ob_demo".to_owned(),
        ob_cluster_id: 22,
        sql: None,
        zones: vec![zone(1), zone(2)],
        ..pb::ClusterSpec::default()
    }
}

fn read(spec: pb::ClusterSpec) -> (NewCluster, Vec<String>) {
    let mut violations = Violations::default();
    let cluster = new_cluster(Some(spec), "host1", "admin", &mut violations);
    let faults = violations.0.into_iter();
    let faults = faults.map(|fault| format!("{} {}", fault.field, fault.description));
    (cluster, faults.collect())
}

/// The faults of a valid cluster after a change.
fn faults(change: impl FnOnce(&mut pb::ClusterSpec)) -> Vec<String> {
    let mut spec = valid();
    change(&mut spec);
    read(spec).1
}

#[test]
fn a_valid_cluster_is_taken_as_it_is() {
    let (cluster, faults) = read(valid());
    assert_eq!(faults, [""; 0]);
    assert_eq!((&*cluster.name, &*cluster.creator), ("ob_demo", "admin"));
    let server = &cluster.zones[1].servers[0];
    assert_eq!(
        (&*server.ip, server.sql_port, server.rpc_port),
        ("10.0.2.1", 2881, 2882)
    );
}

#[test]
fn every_field_has_its_own_fault() {
    type Case = (fn(&mut pb::ClusterSpec), &'static str);
    let cases: [Case; 22] = [
        (
            |c| c.name.clear(),
            "cluster.name must have 1 to 64 characters, not 0",
        ),
        (
            |c| c.name = "x".repeat(65),
            "cluster.name must have 1 to 64 characters, not 65",
        ),
        (
            |c| c.name = "a\nb".into(),
            "cluster.name must not have control characters",
        ),
        (
            |c| c.ob_cluster_id = 0,
            "cluster.ob_cluster_id must be at least 1, not 0",
        ),
        (
            |c| c.zones.clear(),
            "cluster.zones must have at least one zone",
        ),
        (
            |c| c.sql = Some(pb::SqlAccount::default()),
            "cluster.sql.user must have 1 to 128 characters, none of them a control character",
        ),
        (
            |c| c.zones[1].name.clear(),
            "cluster.zones[1].name must have 1 to 64 characters, not 0",
        ),
        (
            |c| c.zones[1].name = "zone1".into(),
            "cluster.zones[1].name is the same as cluster.zones[0].name",
        ),
        (
            |c| c.zones[1].servers.clear(),
            "cluster.zones[1].servers must have at least one server",
        ),
        (
            |c| c.zones[0].servers[1].ip = "db1".into(),
            "cluster.zones[0].servers[1].ip must be an IP address, not \"db1\"",
        ),
        (
            |c| c.zones[0].servers[1].sql_port = 0,
            "cluster.zones[0].servers[1].sql_port must be 1 to 65535, not 0",
        ),
        (
            |c| c.zones[1].servers[0].rpc_port = 65536,
            "cluster.zones[1].servers[0].rpc_port must be 1 to 65535, not 65536",
        ),
        (
            |c| c.zones[1].servers[0].rpc_port = 2881,
            "cluster.zones[1].servers[0].rpc_port must not be the sql_port 2881",
        ),
        (
            |c| c.zones[0].servers[0].driver = None,
            "cluster.zones[0].servers[0].driver is required: process or simulated",
        ),
        (
            |c| c.zones[0].servers[0].driver = Some(pb::Driver::default()),
            "cluster.zones[0].servers[0].driver is required: process or simulated",
        ),
        (
            |c| c.zones[0].servers[0].driver = process("ob1", ""),
            "cluster.zones[0].servers[0].driver.process.base_dir must be an absolute path",
        ),
        (
            |c| c.zones[0].servers[0].driver = process("/data/../etc", ""),
            "cluster.zones[0].servers[0].driver.process.base_dir must not have `..` in it",
        ),
        (
            |c| c.zones[0].servers[0].driver = process("//", ""),
            "cluster.zones[0].servers[0].driver.process.base_dir must be a directory below `/`",
        ),
        (
            |c| c.zones[0].servers[0].driver = process("/data", "a\tb"),
            "cluster.zones[0].servers[0].driver.process.executor_host must have at most 170 bytes, \
             none of them a control character",
        ),
        (
            |c| c.zones[0].servers[0].driver = simulated_by(-1, 0),
            "cluster.zones[0].servers[0].driver.simulated.stop_ms must be 0 to 3600000, not -1",
        ),
        (
            |c| c.zones[0].servers[0].driver = simulated_by(3_600_001, 0),
            "cluster.zones[0].servers[0].driver.simulated.stop_ms must be 0 to 3600000, not 3600001",
        ),
        (
            |c| c.zones[0].servers[0].driver = simulated_by(0, -2),
            "cluster.zones[0].servers[0].driver.simulated.fail_stops must not be negative, but is -2",
        ),
    ];
    for (change, fault) in cases {
        assert_eq!(faults(change), [fault]);
    }
}

fn simulated_by(stop_ms: i64, fail_stops: i32) -> Option<pb::Driver> {
    let kind = driver::Kind::Simulated(pb::SimulatedDriver {
        stop_ms,
        fail_stops,
        hang: false,
    });
    Some(pb::Driver { kind: Some(kind) })
}

#[test]
fn all_faults_are_told_at_once() {
    let found = faults(|cluster| {
        cluster.name.clear();
        cluster.zones[0].servers[0].ip.clear();
        cluster.zones[1].servers[1].sql_port = -1;
    });
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn a_cluster_is_required() {
    let mut violations = Violations::default();
    new_cluster(None, "host1", "admin", &mut violations);
    assert_eq!(violations.to_string(), "cluster is required");
}

#[test]
fn a_second_server_with_the_same_address_names_the_first() {
    let found = faults(|cluster| {
        cluster.zones[1].servers[0] = cluster.zones[0].servers[1].clone();
        cluster.zones[1].servers[0].rpc_port = 3882;
    });
    let first = "cluster.zones[0].servers[1]";
    let second = "cluster.zones[1].servers[0]";
    assert_eq!(
        found,
        [format!("{second}.sql_port is the same as {first}.sql_port")]
    );

    let found = faults(|cluster| {
        cluster.zones[0].servers[0].ip = "::1".to_owned();
        cluster.zones[0].servers[1].ip = "0:0::0:1".to_owned();
        cluster.zones[0].servers[1].sql_port = 3881;
    });
    let rule = "rpc_port is the same as cluster.zones[0].servers[0].rpc_port";
    assert_eq!(found, [format!("cluster.zones[0].servers[1].{rule}")]);
}

#[test]
fn a_base_directory_is_compared_in_one_spelling_and_by_host() {
    let with = |first: Option<pb::Driver>, second: Option<pb::Driver>| {
        let mut spec = valid();
        spec.zones[0].servers[0].driver = first;
        spec.zones[0].servers[1].driver = second;
        read(spec)
    };
    let (_, found) = with(process("/data/ob1", ""), process("/data//./ob1/", "host1"));
    let field = |server| format!("cluster.zones[0].servers[{server}].driver.process.base_dir");
    assert_eq!(found, [format!("{} is the same as {}", field(1), field(0))]);

    let (cluster, found) = with(process("/data/ob1/", ""), process("/data/ob1", "host2"));
    assert_eq!(found, [""; 0]);
    let drivers = cluster.zones[0].servers.iter().map(|server| &server.driver);
    let expected = ["host1", "host2"].map(|host| Driver::Process {
        base_dir: "/data/ob1".to_owned(),
        host: host.to_owned(),
    });
    assert!(drivers.eq(expected.iter()));
}

#[test]
fn a_selector_is_a_short_list_of_labels() {
    let labels = |labels: &[(&str, &str)]| {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        labels.iter().map(owned).collect()
    };
    let mut spec = valid();
    spec.selector = labels(&[("rack", "r1"), ("dc", "hangzhou")]);
    let (cluster, found) = read(spec);
    assert_eq!(found, [""; 0]);
    assert_eq!(cluster.selector.to_string(), "dc=hangzhou,rack=r1");
    for faulty in [
        labels(&[("dc", "")]),
        labels(&[("d c", "a")]),
        labels(&[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1"), ("e", "1")]),
    ] {
        let found = faults(|spec| spec.selector = faulty);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("cluster.selector "), "{found:?}");
    }
}
