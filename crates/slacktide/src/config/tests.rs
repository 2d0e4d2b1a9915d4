use super::*;

fn variables(given: &[(&str, &str)]) -> HashMap<String, String> {
    given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn file(text: &str) -> (tempfile::TempDir, Flags) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("slacktide.toml");
    std::fs::write(&path, text).unwrap();
    (
        dir,
        Flags::from(Sources {
            config: Some(path),
            ..Sources::default()
        }),
    )
}

fn error(flags: &Flags, given: &[(&str, &str)]) -> String {
    format!("{:#}", load_with(flags, variables(given)).err().unwrap())
}

#[test]
fn each_layer_overrides_the_one_below() {
    let text =
        "data_dir = 'from-file'\n[grpc]\nlisten = '127.0.0.1:1'\n[rest]\nlisten = '127.0.0.1:1'";
    let (_dir, mut flags) = file(text);
    flags.rest_listen = Some("127.0.0.1:3".to_owned());
    let environment = [
        ("SLACKTIDE_GRPC__LISTEN", "127.0.0.1:2"),
        ("SLACKTIDE_REST__LISTEN", "127.0.0.1:2"),
        ("SLACKTIDE_EXECUTOR__WATCH_WINDOW", "2.5"),
        ("SLACKTIDE_ADMIN_PASSWORD", "007"),
    ];
    let settings = load_with(&flags, variables(&environment)).unwrap();
    assert_eq!(settings.data_dir, PathBuf::from("from-file"));
    assert_eq!(settings.grpc.listen.port(), 2);
    assert_eq!(settings.rest.listen.port(), 3);
    assert_eq!(settings.admin.listen.port(), 9464);
    let window = settings.executor.watch_window.unwrap().duration();
    assert_eq!(window, std::time::Duration::from_millis(2500));
    assert_eq!(
        settings.admin_password.as_deref(),
        Some("007"),
        "a password is no number"
    );
}

#[test]
fn a_setting_that_does_not_exist_is_named() {
    let (_dir, flags) = file("[executor]\ncapicity = 4");
    assert!(error(&flags, &[]).contains("capicity"));
}

#[test]
fn a_file_that_is_no_toml_is_told_once_with_its_name_and_the_line() {
    let (dir, flags) = file("[grpc]\nlisten =");
    let name = dir.path().join("slacktide.toml");
    let begin = format!(
        "the configuration file {} is not usable: line 2: ",
        name.display()
    );
    let told = error(&flags, &[]);
    assert!(told.starts_with(&begin) && !told.contains('\n'), "{told}");
}

#[test]
fn a_value_of_the_wrong_kind_is_named() {
    let (_dir, flags) = file("[executor]\ncapacity = 'many'");
    assert!(
        error(&flags, &[]).contains("capacity"),
        "{}",
        error(&flags, &[])
    );
    let nowhere = [("SLACKTIDE_GRPC__LISTEN", "nowhere")];
    let error = error(&Flags::default(), &nowhere);
    assert!(error.contains("grpc.listen"), "{error}");
}

#[test]
fn a_value_that_makes_no_sense_is_named() {
    let never = error(&Flags::default(), &[("SLACKTIDE_EXECUTOR__TICK", "-1")]);
    assert!(never.contains("executor.tick"), "{never}");
    let late = error(&Flags::default(), &[("SLACKTIDE_EXECUTOR__TICK", "9")]);
    assert!(late.contains("executor.lease_ttl"), "{late}");
    let empty = error(&Flags::default(), &[("SLACKTIDE_ADMIN_PASSWORD", "")]);
    assert!(empty.contains("admin_password"), "{empty}");
}

#[test]
fn two_listeners_on_one_port_are_named() {
    for address in ["127.0.0.1:50051", "0.0.0.0:50051"] {
        let twice = error(&Flags::default(), &[("SLACKTIDE_REST__LISTEN", address)]);
        assert_eq!(
            twice,
            "grpc.listen and rest.listen are both on port 50051: give each its own"
        );
    }
    for address in ["127.0.0.2:50051", "127.0.0.1:0"] {
        let given = variables(&[("SLACKTIDE_REST__LISTEN", address)]);
        load_with(&Flags::default(), given).unwrap();
    }
}

#[test]
fn an_address_of_nats_that_is_none_is_refused_and_keeps_its_password() {
    for url in [
        "bogus",
        "",
        "nats://",
        "nats://u:hush@",
        "http://u:hush@a:4222",
        "nats://a:42222222",
        "nats://a:port",
        "nats://a b",
        "nats://a:4222,",
        "nats://a:4222,bogus",
        "u:hush@a:4222",
    ] {
        let error = error(&Flags::default(), &[("SLACKTIDE_NATS__URL", url)]);
        assert!(error.starts_with("nats.url has "), "{url}: {error}");
        assert!(!error.contains("hush"), "{error}");
    }
    for url in [
        "nats://a",
        "nats://a:4222/",
        "tls://u:p%40ss@a.example.org:4222, nats://[::1]:4222",
        "nats://token@10.0.0.1:4222",
    ] {
        let given = variables(&[("SLACKTIDE_NATS__URL", url)]);
        load_with(&Flags::default(), given).unwrap();
    }
}

#[test]
fn what_is_shown_holds_no_secret_and_can_be_read_again() {
    let given = variables(&[
        ("SLACKTIDE_ADMIN_PASSWORD", "hush"),
        (
            "SLACKTIDE_DATABASE__URL",
            "postgres://slack:hush@db/slacktide",
        ),
        ("SLACKTIDE_NATS__URL", "nats://hush@a,nats://u:hush@b"),
        ("SLACKTIDE_EXECUTOR__LABELS", "dc=a"),
        ("SLACKTIDE_RETENTION__KEEP", "30d"),
    ]);
    let settings = load_with(&Flags::default(), given).unwrap();
    let shown = show(&settings).unwrap();
    assert!(
        shown.contains("admin_password") && shown.contains("slack:") && !shown.contains("hush"),
        "{shown}"
    );
    let (_dir, flags) = file(&shown);
    assert_eq!(
        show(&load_with(&flags, HashMap::new()).unwrap()).unwrap(),
        shown
    );
}

#[test]
fn every_setting_has_an_environment_variable() {
    let mut full = Settings {
        admin_password: Some(String::new()),
        ..Settings::default()
    };
    full.trace.otlp_endpoint = Some(String::new());
    full.database.url = Some(String::new());
    full.nats.url = Some(String::new());
    full.gateway.upstream = Some(String::new());
    full.gateway.upstream_ca = Some(PathBuf::new());
    full.tls.cert = Some(PathBuf::new());
    full.tls.key = Some(PathBuf::new());
    full.executor.state_dir = Some(PathBuf::new());
    full.retention.keep = "1d".parse().ok();
    full.executor.watch_window = Some(std::time::Duration::ZERO.into());
    let mut keys = Vec::new();
    for (key, value) in toml::Table::try_from(&full).unwrap() {
        match value {
            toml::Value::Table(table) => {
                keys.extend(table.keys().map(|leaf| format!("{key}.{leaf}")))
            }
            _ => keys.push(key),
        }
    }
    keys.sort();
    let mut known = KEYS.to_vec();
    known.sort_unstable();
    assert_eq!(keys, known);
}

#[test]
fn roles_and_database_must_fit() {
    let shared = (
        "SLACKTIDE_DATABASE__URL",
        "postgres://slack:hush@db/slacktide",
    );
    let upstream = ("SLACKTIDE_GATEWAY__UPSTREAM", "http://10.0.0.1:50051");
    let roles = |roles| ("SLACKTIDE_ROLES", roles);
    for alone in ["server", "executor", "server,gateway"] {
        let told = error(&Flags::default(), &[roles(alone)]);
        assert!(
            told.starts_with(&format!("roles is {alone}, but with SQLite")),
            "{told}"
        );
    }
    let told = error(&Flags::default(), &[roles("gateway")]);
    assert!(
        told.contains("needs the server's address in gateway.upstream"),
        "{told}"
    );
    let told = error(&Flags::default(), &[upstream]);
    assert!(told.starts_with("gateway.upstream is set, but"), "{told}");
    let told = error(&Flags::default(), &[roles("agent")]);
    assert!(told.contains("\"agent\" names no roles"), "{told}");
    for url in [
        "10.0.0.1:50051",
        "ftp://10.0.0.1:50051",
        "http://10.0.0.1/api",
    ] {
        let given = [roles("gateway"), ("SLACKTIDE_GATEWAY__UPSTREAM", url)];
        let told = error(&Flags::default(), &given);
        assert!(told.starts_with("gateway.upstream is \""), "{told}");
    }
    for given in [
        &[roles("gateway"), upstream][..],
        &[
            roles("gateway"),
            ("SLACKTIDE_GATEWAY__UPSTREAM", "https://10.0.0.1:50051"),
            ("SLACKTIDE_GATEWAY__UPSTREAM_CA", "ca.pem"),
        ],
        &[roles("server,executor")],
        &[roles("server"), shared],
        &[roles("executor"), shared],
        &[roles("executor"), shared, upstream],
    ] {
        load_with(&Flags::default(), variables(given)).unwrap();
    }
}

#[test]
fn half_a_certificate_and_a_certificate_for_nothing_are_refused() {
    for (variable, told) in [
        ("SLACKTIDE_TLS__CERT", "tls.cert is set without tls.key"),
        ("SLACKTIDE_TLS__KEY", "tls.key is set without tls.cert"),
        (
            "SLACKTIDE_GATEWAY__UPSTREAM_CA",
            "gateway.upstream_ca is set without gateway.upstream",
        ),
    ] {
        let refused = error(&Flags::default(), &[(variable, "file.pem")]);
        assert!(refused.starts_with(told), "{refused}");
    }
    let given = [
        ("SLACKTIDE_ROLES", "gateway"),
        ("SLACKTIDE_GATEWAY__UPSTREAM", "http://10.0.0.1:50051"),
        ("SLACKTIDE_GATEWAY__UPSTREAM_CA", "ca.pem"),
    ];
    let refused = error(&Flags::default(), &given);
    assert!(refused.contains("only https://"), "{refused}");
}

#[test]
fn what_is_allowed_comes_from_flags_and_variables_alike() {
    let given = variables(&[("SLACKTIDE_ALLOW_PLAINTEXT", "true")]);
    let settings = load_with(&Flags::default(), given).unwrap();
    assert!(settings.allow_plaintext && !settings.allow_generated_password);
    let flags = Flags {
        allow_generated_password: true,
        ..Flags::default()
    };
    let settings = load_with(&flags, HashMap::new()).unwrap();
    assert!(!settings.allow_plaintext && settings.allow_generated_password);
}

#[test]
fn bounds_that_let_nobody_in_are_refused() {
    for (variable, value, named) in [
        (
            "SLACKTIDE_GRPC__MAX_CONNECTIONS",
            "0",
            "grpc.max_connections is 0",
        ),
        (
            "SLACKTIDE_REST__MAX_HEADER",
            "100",
            "rest.max_header is 100",
        ),
        ("SLACKTIDE_GRPC__MAX_STREAMS", "0", "grpc.max_streams is 0"),
        (
            "SLACKTIDE_REST__IDLE_TIMEOUT",
            "0",
            "rest.idle_timeout is 0",
        ),
        (
            "SLACKTIDE_GRPC__KEEPALIVE_INTERVAL",
            "inf",
            "grpc.keepalive_interval is inf",
        ),
    ] {
        let refused = error(&Flags::default(), &[(variable, value)]);
        assert!(refused.starts_with(named), "{refused}");
    }
}

#[test]
fn what_shared_settings_cannot_be_is_named_and_no_password_is_told() {
    for (variable, value, named) in [
        (
            "SLACKTIDE_DATABASE__URL",
            "oracle://u:hush@h/d",
            "database.url",
        ),
        (
            "SLACKTIDE_DATABASE__URL",
            "postgres://u:hush@h",
            "database.url",
        ),
        ("SLACKTIDE_EXECUTOR__LABELS", "dc", "executor.labels"),
        (
            "SLACKTIDE_EXECUTOR__OBSERVE_INTERVAL",
            "-1",
            "executor.observe_interval",
        ),
        ("SLACKTIDE_RETENTION__KEEP", "30", "retention.keep"),
        ("SLACKTIDE_RETENTION__KEEP", "23h", "retention.keep"),
        ("SLACKTIDE_RETENTION__BATCH", "0", "retention.batch"),
    ] {
        let told = error(&Flags::default(), &[(variable, value)]);
        assert!(told.contains(named) && !told.contains("hush"), "{told}");
    }
}

#[test]
fn a_listener_that_is_not_used_is_in_nobodys_way() {
    let given = [
        ("SLACKTIDE_ROLES", "gateway"),
        ("SLACKTIDE_GATEWAY__UPSTREAM", "http://10.0.0.1:50051"),
        ("SLACKTIDE_REST__LISTEN", "127.0.0.1:50051"),
    ];
    load_with(&Flags::default(), variables(&given)).unwrap();
}

#[test]
fn the_example_file_has_every_setting_with_its_default() {
    const EXAMPLE: &str = include_str!("../../../../deploy/config.example.toml");
    let (_dir, flags) = file(EXAMPLE);
    let settings = load_with(&flags, HashMap::new()).unwrap();
    assert_eq!(
        show(&settings).unwrap(),
        show(&Settings::default()).unwrap()
    );
    let mut table = "";
    let mut named = Vec::new();
    for line in EXAMPLE.lines() {
        let line = line.trim_start_matches("# ");
        if let Some(name) = line.strip_prefix('[') {
            table = name.trim_end_matches(']');
        } else if let Some((key, _)) = line.split_once(" = ") {
            let dot = if table.is_empty() { "" } else { "." };
            named.push(format!("{table}{dot}{key}"));
        }
    }
    for key in KEYS {
        assert!(named.iter().any(|name| name == key), "{key}");
    }
}
