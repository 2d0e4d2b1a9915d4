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
fn what_is_shown_holds_no_secret_and_can_be_read_again() {
    let given = variables(&[("SLACKTIDE_ADMIN_PASSWORD", "hush")]);
    let settings = load_with(&Flags::default(), given).unwrap();
    let shown = show(&settings).unwrap();
    assert!(
        shown.contains("admin_password") && !shown.contains("hush"),
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
