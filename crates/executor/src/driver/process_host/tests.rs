use super::*;

fn host(dir: &std::path::Path) -> ProcessHost {
    let options = Options::new("here", dir.join("hosts"));
    ProcessHost::new(&dir.display().to_string(), 2881, 2882, &options)
}

fn journal(host: &str, base_dir: &std::path::Path) -> String {
    let identity = Identity {
        boot_id: "boot".to_owned(),
        pid: 4711,
        start_time: 1,
        exe_dev: 1,
        exe_ino: 1,
        base_dir: base_dir.to_owned(),
        uid: 0,
    };
    let host = host.to_owned();
    let started_by = None;
    serde_json::to_string(&Journaled {
        host,
        identity,
        started_by,
    })
    .unwrap()
}

#[tokio::test]
async fn a_process_that_was_found_elsewhere_is_not_gone_because_it_is_not_here() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().canonicalize().unwrap();
    let here = host(&real);
    assert!(here.recall(None).await.unwrap().is_none());
    let known = here.recall(Some(&journal("here", &real))).await.unwrap();
    assert_eq!(known.unwrap().pid, 4711);

    let elsewhere = [
        journal("there", &real),
        journal("here", &real.join("other")),
    ];
    for journal in elsewhere {
        let reason = here.recall(Some(&journal)).await.unwrap_err();
        assert!(reason.contains("was found in"), "{reason}");
        let sighting = here.look(Some(&journal)).await;
        assert_eq!(sighting.observation, Observation::Unknown);
    }
}

#[test]
fn only_a_run_of_another_operation_fails_a_run_that_it_fences_out() {
    let own = Fence {
        generation: 3,
        epoch: 5,
    };
    let taken_over = Fence {
        generation: 3,
        epoch: 6,
    };
    let later_operation = Fence {
        generation: 4,
        epoch: 1,
    };
    let stop = |held| failure(StopError::Fenced { own, held });
    let start = |held| start_failure(StartError::Fenced { own, held });
    assert!(matches!(stop(taken_over), StopFailure::Lost));
    assert!(matches!(start(taken_over), StartFailure::Lost));
    assert!(matches!(stop(later_operation), StopFailure::Failed { .. }));
    assert!(matches!(
        start(later_operation),
        StartFailure::Failed { .. }
    ));
}
