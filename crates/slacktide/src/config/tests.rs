use super::*;

fn variables(given: &[(&str, &str)]) -> HashMap<String, String> {
    given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn file(text: &str) -> (tempfile::TempDir, Sources) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("slacktide.toml");
    std::fs::write(&path, text).unwrap();
    (
        dir,
        Sources {
            config: Some(path),
            ..Sources::default()
        },
    )
}

fn error(sources: &Sources, given: &[(&str, &str)]) -> String {
    format!("{:#}", load_with(sources, variables(given)).err().unwrap())
}

#[test]
fn each_layer_overrides_the_one_below() {
    let text =
        "data_dir = 'from-file'\n[grpc]\nlisten = '127.0.0.1:1'\n[rest]\nlisten = '127.0.0.1:1'";
    let (_dir, mut sources) = file(text);
    sources.rest_listen = Some("127.0.0.1:3".to_owned());
    let environment = [
        ("SLACKTIDE_GRPC__LISTEN", "127.0.0.1:2"),
        ("SLACKTIDE_REST__LISTEN", "127.0.0.1:2"),
        ("SLACKTIDE_EXECUTOR__WATCH_WINDOW", "2.5"),
        ("SLACKTIDE_ADMIN_PASSWORD", "007"),
    ];
    let settings = load_with(&sources, variables(&environment)).unwrap();
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
    let (_dir, sources) = file("[executor]\ncapicity = 4");
    assert!(error(&sources, &[]).contains("capicity"));
}

#[test]
fn a_value_of_the_wrong_kind_is_named() {
    let (_dir, sources) = file("[executor]\ncapacity = 'many'");
    assert!(
        error(&sources, &[]).contains("capacity"),
        "{}",
        error(&sources, &[])
    );
    let nowhere = [("SLACKTIDE_GRPC__LISTEN", "nowhere")];
    let error = error(&Sources::default(), &nowhere);
    assert!(error.contains("grpc.listen"), "{error}");
}

#[test]
fn a_value_that_makes_no_sense_is_named() {
    let never = error(&Sources::default(), &[("SLACKTIDE_EXECUTOR__TICK", "-1")]);
    assert!(never.contains("executor.tick"), "{never}");
    let late = error(&Sources::default(), &[("SLACKTIDE_EXECUTOR__TICK", "9")]);
    assert!(late.contains("executor.lease_ttl"), "{late}");
}

#[test]
fn what_is_shown_holds_no_secret_and_can_be_read_again() {
    let given = variables(&[("SLACKTIDE_ADMIN_PASSWORD", "hush")]);
    let settings = load_with(&Sources::default(), given).unwrap();
    let shown = show(&settings).unwrap();
    assert!(
        shown.contains("admin_password") && !shown.contains("hush"),
        "{shown}"
    );
    let (_dir, sources) = file(&shown);
    assert_eq!(
        show(&load_with(&sources, HashMap::new()).unwrap()).unwrap(),
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
