//! The checks that look at hosts.

use slacktide_engine::finding::FindingResult;

use super::{check, cluster, line, process};

const CONFIGURATION: &str = "etc/observer.config.bin";

/// The directory of a server that can be started.
fn configured() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in ["bin/observer", CONFIGURATION] {
        let file = dir.path().join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "").unwrap();
    }
    dir
}

#[tokio::test]
async fn hosts_elsewhere_and_missing_directories_are_not_checked() {
    let dir = tempfile::tempdir().unwrap();
    for server in [
        process("there", dir.path(), 1),
        process("here", &dir.path().join("typo"), 1),
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
    let dir = configured();
    let config = dir.path().join(CONFIGURATION);
    std::fs::remove_file(&config).unwrap();
    let cluster = cluster(vec![process("here", dir.path(), 1)]);
    assert_eq!(check(&cluster, 24).await.result, FindingResult::Found);
    std::fs::write(&config, "").unwrap();
    assert_eq!(check(&cluster, 24).await.result, FindingResult::Clear);
    assert_eq!(check(&cluster, 21).await.result, FindingResult::Clear);
}
