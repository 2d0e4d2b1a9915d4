//! DownloadDiagnosis: an archive that others can open.

use std::io::{Cursor, Read as _};

use futures::StreamExt as _;
use slacktide_api::v1 as pb;
use slacktide_engine::kind::SubtaskKind;
use tonic::{Code, Status};
use zip::ZipArchive;

use crate::kit::{Kit, refused};

/// The suggested name and the bytes.
async fn download(kit: &Kit, task_id: i64) -> Result<(String, Vec<u8>), Status> {
    let request = pb::DownloadDiagnosisRequest { task_id };
    let answer = kit.tasks("vera").download_diagnosis(request).await?;
    let mut pieces = answer.into_inner();
    let (mut name, mut bytes) = (String::new(), Vec::new());
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        assert!(name.is_empty() || piece.filename.is_empty(), "named once");
        name += &piece.filename;
        bytes.extend(piece.content);
    }
    Ok((name, bytes))
}

/// The archive's entries with their texts.
fn entries(bytes: Vec<u8>) -> Vec<(String, String)> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index).unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            (entry.name().unwrap().into_owned(), text)
        })
        .collect()
}

#[tokio::test]
async fn a_diagnosis_tells_of_each_subtask_and_has_each_log() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 1).await;
    let task = kit.stop(cluster.id).await;
    let kind = SubtaskKind::StopObserverProcess;
    kit.run(task.id, Some(kind)).await;

    let (name, bytes) = download(&kit, task.id).await.unwrap();
    assert_eq!(name, format!("task_{}_diagnosis.zip", task.id));
    let entries = entries(bytes);
    assert_eq!(entries[0].0, "task_info.txt");
    let lines: Vec<_> = entries[0].1.lines().collect();
    assert_eq!(lines.len(), 11);
    let (first, second) = (&task.subtasks[0], &task.subtasks[1]);
    let expected = format!(
        "{}\tPrepare stop cluster\tSUCCESSFUL\tEXECUTE\tupstreams=[]\tdownstreams=[{}]",
        first.id, second.id
    );
    assert_eq!(lines[0], expected);
    let failed = lines.iter().filter(|line| line.contains("\tFAILED\t"));
    assert_eq!(failed.count(), 1);

    let (name, log) = &entries[1];
    assert_eq!(*name, format!("subtask_{}_1.log", first.id));
    assert!(log.starts_with("############{EXECUTE}{"), "{log}");
    assert_eq!(log.lines().count(), 2, "{log}");
}

#[tokio::test]
async fn a_large_diagnosis_comes_in_pieces() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 600).await;
    let task = kit.stop(cluster.id).await;
    let (_, bytes) = download(&kit, task.id).await.unwrap();
    let entries = entries(bytes);
    assert_eq!(entries.len(), 1, "nothing has run yet");
    assert_eq!(entries[0].1.lines().count(), task.subtasks.len());
}

#[tokio::test]
async fn only_readers_get_a_diagnosis_of_what_there_is() {
    let kit = Kit::new().await;
    refused(
        download(&kit, 77).await,
        Code::NotFound,
        "TASK_NOT_FOUND",
        4001,
    );
    let request = pb::DownloadDiagnosisRequest { task_id: 77 };
    let answer = kit.tasks("nora").download_diagnosis(request).await;
    refused(
        answer.map(drop),
        Code::PermissionDenied,
        "PERMISSION_DENIED",
        3100,
    );
}
