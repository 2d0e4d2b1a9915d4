use super::*;
use crate::config::Settings;

fn refusal(arguments: &[&str]) -> String {
    let refused = command().try_get_matches_from(arguments).unwrap_err();
    refused.to_string()
}

fn help(arguments: &[&str]) -> String {
    refusal(&[arguments, &["-h"]].concat())
}

#[test]
fn the_command_line_is_sound() {
    command().debug_assert();
}

#[test]
fn an_option_with_a_value_is_not_shown_as_required() {
    let text = refusal(&["slacktide", "cluster", "stop", "--user", "admin"]);
    assert!(
        text.contains("Usage: slacktide cluster stop [OPTIONS] <CLUSTER>"),
        "{text}"
    );
    let text = refusal(&["slacktide", "cluster", "register", "--user", "admin"]);
    assert!(
        text.contains("Usage: slacktide cluster register [OPTIONS] --file <FILE>"),
        "{text}"
    );
}

#[test]
fn an_id_that_is_none_is_told_what_one_is() {
    for (verb, ids) in [
        (&["cluster", "stop"][..], &["-1", "0"][..]),
        (&["server", "stop", "ob_demo"], &["-1", "0", "ob1"]),
        (&["task", "retry"], &["-1", "abc", "0"]),
        (&["task", "skip", "7"], &["-1", "abc", "0"]),
    ] {
        for id in ids {
            let text = refusal(&[&["slacktide"], verb, &[id]].concat());
            assert!(text.contains(&format!("'{id}'")), "{text}");
            assert!(text.contains("an id is a whole number from 1"), "{text}");
        }
    }
}

#[test]
fn a_watch_is_of_one_task_or_of_many() {
    for arguments in [
        &[][..],
        &["7", "--all"],
        &["7", "--cluster", "ob_demo"],
        &["--all", "--cluster", "ob_demo"],
        &["--all", "--after-revision", "3"],
    ] {
        let line = [&["slacktide", "task", "watch"], arguments].concat();
        assert!(command().try_get_matches_from(&line).is_err(), "{line:?}");
    }
    for arguments in [&["7"][..], &["--all"], &["--cluster", "ob_demo"]] {
        let line = [&["slacktide", "task", "watch"], arguments].concat();
        assert!(command().try_get_matches_from(&line).is_ok(), "{line:?}");
    }
}

#[test]
fn a_log_is_followed_of_one_subtask() {
    let text = refusal(&["slacktide", "task", "log", "7", "--follow"]);
    assert!(text.contains("<SUBTASK>"), "{text}");
}

#[test]
fn the_help_of_serve_names_the_true_defaults() {
    let text = help(&["slacktide", "serve"]);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let usual = Settings::default();
    for default in [
        usual.data_dir.display().to_string(),
        usual.grpc.listen.to_string(),
        usual.rest.listen.to_string(),
        usual.admin.listen.to_string(),
    ] {
        assert!(words.contains(&format!("[default: {default}]")), "{text}");
    }
}

#[test]
fn only_servers_have_listeners() {
    for verb in ["migrate", "user"] {
        let text = help(&["slacktide", verb]);
        assert!(text.contains("--data-dir"), "{text}");
        assert!(!text.contains("listen"), "{text}");
    }
}

#[test]
fn a_verbs_own_options_stand_before_those_of_the_connection() {
    let text = help(&["slacktide", "cluster", "stop"]);
    let place = |what: &str| text.find(what).unwrap();
    assert!(place("--request-id") < place("Connection:"), "{text}");
    assert!(place("Connection:") < place("--endpoint"), "{text}");
}
