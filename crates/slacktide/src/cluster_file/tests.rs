use super::*;

const FILE: &str = r#"name = "ob_demo"
ob_cluster_id = 22
[sql]
user = "root"
password_env = "OB_ROOT_PASSWORD"
[[zones]]
name = "zone1"
  [[zones.servers]]
  ip = "127.0.0.1"
  sql_port = 2881
  rpc_port = 2882
  driver = { kind = "process", base_dir = "/data/ob1" }
[[zones]]
name = "zone2"
  [[zones.servers]]
  ip = "127.0.0.1"
  sql_port = 3881
  rpc_port = 3882
  driver = { kind = "simulated", stop_ms = 50, fail_stops = 1 }
"#;

fn secret(name: &str) -> Result<String, VarError> {
    assert_eq!(name, "OB_ROOT_PASSWORD");
    Ok("secret".to_owned())
}

/// The fault of `FILE` after a replacement.
fn fault(old: &str, new: &str) -> String {
    assert!(FILE.contains(old), "{old}");
    let error = parse(&FILE.replacen(old, new, 1), secret).unwrap_err();
    error.to_string()
}

#[test]
fn the_documented_file_is_read_whole() {
    let spec = parse(FILE, secret).unwrap();
    assert_eq!(spec.name, "ob_demo");
    assert_eq!(spec.ob_cluster_id, 22);
    let sql = spec.sql.unwrap();
    assert_eq!(
        (sql.user.as_str(), sql.password.as_str()),
        ("root", "secret")
    );
    assert_eq!(spec.zones.len(), 2);
    let server = &spec.zones[0].servers[0];
    assert_eq!((server.sql_port, server.rpc_port), (2881, 2882));
    let process = ProcessDriver {
        base_dir: "/data/ob1".to_owned(),
        executor_host: String::new(),
    };
    assert_eq!(
        server.driver,
        Some(Driver {
            kind: Some(driver::Kind::Process(process))
        })
    );
    let simulated = SimulatedDriver {
        stop_ms: 50,
        fail_stops: 1,
        hang: false,
    };
    assert_eq!(
        spec.zones[1].servers[0].driver,
        Some(Driver {
            kind: Some(driver::Kind::Simulated(simulated))
        })
    );
}

#[test]
fn the_sql_account_is_optional() {
    let sql = "[sql]\nuser = \"root\"\npassword_env = \"OB_ROOT_PASSWORD\"\n";
    let spec = parse(&FILE.replace(sql, ""), secret).unwrap();
    assert_eq!(spec.sql, None);
}

#[test]
fn a_selector_is_optional_and_has_strings() {
    let spec = parse(FILE, secret).unwrap();
    assert!(spec.selector.is_empty());
    let with = |selector: &str| format!("selector = {selector}\n{FILE}");
    let spec = parse(&with("{ dc = \"a\", rack = \"1\" }"), secret).unwrap();
    assert_eq!(spec.selector.len(), 2);
    assert_eq!(spec.selector["dc"], "a");
    let error = |selector: &str| parse(&with(selector), secret).unwrap_err().to_string();
    assert_eq!(
        error("{ dc = 1 }"),
        "line 1: `selector.dc` must be a string"
    );
    assert_eq!(error("\"dc=a\""), "line 1: `selector` must be a table");
}

#[test]
fn a_password_variable_may_be_empty_but_not_unset() {
    let spec = parse(FILE, |_| Ok(String::new())).unwrap();
    assert_eq!(spec.sql.unwrap().password, "");
    let error = parse(FILE, |_| Err(VarError::NotPresent)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 5: `sql.password_env` names the environment variable OB_ROOT_PASSWORD, \
         which is not set; set it, if only to the empty string"
    );
}

#[test]
fn a_missing_field_is_named_with_the_line_of_its_table() {
    assert_eq!(
        fault("name = \"ob_demo\"\n", ""),
        "line 1: `name` is missing"
    );
    assert_eq!(
        fault("  sql_port = 3881\n", ""),
        "line 15: `zones[1].servers[0].sql_port` is missing"
    );
    assert_eq!(
        fault("kind = \"process\", ", ""),
        "line 12: `zones[0].servers[0].driver.kind` is missing"
    );
    assert_eq!(
        fault(", base_dir = \"/data/ob1\"", ""),
        "line 12: `zones[0].servers[0].driver.base_dir` is missing"
    );
}

#[test]
fn an_unknown_field_is_named_with_those_that_exist() {
    assert_eq!(
        fault("user = \"root\"", "user = \"root\"\npassword = \"secret\""),
        "line 5: `sql.password` is not a field here; there are `user`, `password_env`"
    );
    assert!(
        fault("stop_ms = 50", "base_dir = \"/x\"")
            .starts_with("line 19: `zones[1].servers[0].driver.base_dir` is not a field here")
    );
}

#[test]
fn a_value_of_the_wrong_type_or_range_is_named() {
    assert_eq!(
        fault("sql_port = 2881", "sql_port = \"2881\""),
        "line 10: `zones[0].servers[0].sql_port` must be a whole number"
    );
    assert_eq!(
        fault("sql_port = 2881", "sql_port = 70_000"),
        "line 10: `zones[0].servers[0].sql_port` must be from 0 to 65535, not 70000"
    );
    assert_eq!(
        fault("ob_cluster_id = 22", "ob_cluster_id = 9223372036854775808"),
        "line 2: `ob_cluster_id` must be from 0 to 9223372036854775807, not 9223372036854775808"
    );
    assert_eq!(
        fault("kind = \"process\"", "kind = \"agent\""),
        "line 12: `zones[0].servers[0].driver.kind` must be `process` or `simulated`"
    );
    assert_eq!(
        fault("fail_stops = 1", "hang = \"yes\""),
        "line 19: `zones[1].servers[0].driver.hang` must be true or false"
    );
    assert_eq!(
        fault(
            "[sql]\nuser = \"root\"\npassword_env = \"OB_ROOT_PASSWORD\"",
            "sql = 5"
        ),
        "line 3: `sql` must be a table"
    );
}

#[test]
fn a_broken_document_shows_the_place() {
    let text = FILE.replacen("ob_cluster_id = 22", "ob_cluster_id", 1);
    let error = anyhow::Error::from(parse(&text, secret).unwrap_err());
    // With its chain of causes, as the command line prints it: told once.
    assert_eq!(
        format!("{error:#}"),
        "line 2: key with no value, expected `=`"
    );
}
