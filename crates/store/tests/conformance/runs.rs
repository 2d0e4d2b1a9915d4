//! What a run leaves behind and what it is told: the journal, logs, assignments.

use slacktide_engine::{
    allow::Subject,
    commit::Event,
    plan::{Request, plan},
    status::{Goal, Operation, StopMode},
    time::Micros,
};
use slacktide_store::{
    Assignment, Committed, Journal, LogLine, ServerSettings, Store, StoreError, Submission, clock,
};

use crate::{
    backend::Backend,
    kit::{
        account, begin, commit, executor, new_cluster, process, running, servers, stop_of, success,
    },
};

/// What the claimed runs are told: the same, whether by the claim or, where they are lost, afterwards.
async fn assignments(store: &Store, committed: Committed) -> Vec<Assignment> {
    let mut read = Vec::new();
    for subtask in committed.claimed.clone() {
        let assigned = store.assignment(committed.task.clone(), subtask).await;
        read.push(assigned.expect("an assignment"));
    }
    let told = committed.into_assignments().expect("the assignments");
    assert_eq!(told, read);
    told
}

pub(crate) async fn journals_processes(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (_, begun) = running(&store, 1, 1, &e1).await;
    let server = begun.claimed[0].server.expect("a server");
    let end_with = async |begun: Committed, process: Option<&str>, launch: Option<&str>| {
        let journal = Journal {
            server,
            process: process.map(str::to_owned),
            launch: launch.map(str::to_owned),
        };
        let event = success(&begun.claimed[0]);
        let committed = store.commit(begun.task.id, event, e1.clone(), Some(journal));
        committed.await.expect("a commit")
    };
    let stored = async || {
        let select = "SELECT COALESCE(process, 'none') || ' by ' || COALESCE(launch, 'none') \
             AS line FROM server";
        db.connect().await.lines(select).await.remove(0)
    };

    let stopping = end_with(begun, Some("pid 4711"), Some("observer -p 2881")).await;
    assert_eq!(stored().await, "pid 4711 by observer -p 2881");
    let told = assignments(&store, stopping.clone()).await;
    assert_eq!(told[0].process.as_deref(), Some("pid 4711"));

    // The process is gone; how to start it again must not be lost with it.
    let looking = end_with(stopping, None, None).await;
    assert_eq!(stored().await, "none by observer -p 2881");
    assert_eq!(assignments(&store, looking).await[0].process, None);
}

pub(crate) async fn tells_a_run_what_it_works_on(db: impl Backend) {
    let store = db.open().await;
    let account = account("secret");
    let mut new = new_cluster(1, 2, 2);
    new.sql = Some(account.clone());
    let cluster = store.register(new, None).await.expect("it is registered");
    let request = Request {
        mode: StopMode::Graceful,
        minor_freeze: Some(true),
        parallel: None,
    };
    let submission = Submission {
        plan: plan(&cluster, Goal::Stop, Subject::Cluster, request).expect("a plan"),
        ..stop_of(&cluster, None)
    };
    let accepted = store.submit(submission).await.expect("it is accepted");
    let e1 = executor("e1");

    // A freeze asks the servers of a zone, so a run for each zone comes first.
    let begun = begin(&store, &accepted, &e1).await;
    let told = assignments(&store, begun.clone()).await;
    assert_eq!(told.len(), 2);
    for (assignment, zone) in told.iter().zip(&cluster.zones) {
        assert_eq!(assignment.subtask.zone, Some(zone.id));
        assert_eq!(assignment.servers, zone.servers);
        assert_eq!(assignment.sql, Some(account.clone()));
        assert_eq!(*assignment.task, begun.task);
    }

    // A driver that was mended in between is what the next run gets.
    let mended_server = servers(&cluster)[3].id;
    let mended = store.mend(
        cluster.id,
        None,
        Default::default(),
        vec![ServerSettings {
            id: mended_server,
            driver: process("here", "/data/ob4"),
        }],
        None,
    );
    mended.await.expect("it is mended");
    let [first, second] = begun.claimed.as_slice() else {
        panic!("a run for each zone, not {begun:?}");
    };
    let ended = commit(&store, begun.task.id, success(first), &e1).await;
    assert_eq!(ended.expect("a commit").claimed, []);
    let ended = commit(&store, begun.task.id, success(second), &e1).await;
    let told = assignments(&store, ended.expect("a commit")).await;
    assert_eq!(told.len(), 4);
    for assignment in &told {
        assert_eq!(assignment.servers.len(), 1);
        assert_eq!(assignment.subtask.server, Some(assignment.servers[0].id));
        assert_eq!(assignment.sql, None);
    }
    assert_eq!(told[3].servers[0].driver, process("here", "/data/ob4"));
}

pub(crate) async fn keeps_logs_by_run(db: impl Backend) {
    let store = db.open().await;
    let (accepted, begun) = running(&store, 1, 1, &executor("e1")).await;
    let (task, run) = (accepted.task.id, &begun.claimed[0]);
    let line = |time, text: &str| LogLine {
        time: Micros(time),
        text: text.to_owned(),
    };
    let append = async |epoch, seq, lines| {
        let appended = store.append_log(run.id, epoch, seq, lines).await;
        appended.expect("the lines are written");
    };

    // What was folded into the claim has logged already.
    let folded = store.log(task, accepted.subtasks[0].id).await;
    let folded = folded.expect("a log");
    assert_eq!(folded.len(), 1);
    assert_eq!(folded[0].operation, Operation::Execute);
    assert_eq!(folded[0].time, begun.task.last_time);
    assert!(folded[0].lines[0].text.contains("ob_1"), "{folded:?}");

    let nothing = store.log(task, run.id).await;
    assert_eq!(nothing.expect("a log"), []);
    let text = "it's 100% “gone”\\n; DROP TABLE subtask_log";
    append(run.epoch, 0, vec![line(1, "EXECUTE"), line(2, "looking")]).await;
    append(run.epoch, 2, vec![line(3, text)]).await;
    append(run.epoch, 3, Vec::new()).await;
    let runs = vec![(run.id, run.epoch)];
    let taken = commit(&store, task, Event::TakeOver { runs }, &executor("e2")).await;
    let taken = taken.expect("it is taken over").claimed.remove(0);
    append(taken.epoch, 0, vec![line(5, "RETRY"), line(6, "again")]).await;
    // The old executor's last lines arrive late, and still stand where they belong.
    append(run.epoch, 3, vec![line(4, "late")]).await;

    let log = store.log(task, run.id).await.expect("a log");
    let heads: Vec<_> = log.iter().map(|run| (run.operation, run.time)).collect();
    assert_eq!(
        heads,
        [
            (Operation::Execute, Micros(1)),
            (Operation::Retry, Micros(5))
        ]
    );
    assert_eq!(
        log[0].lines,
        [line(2, "looking"), line(3, text), line(4, "late")]
    );
    assert_eq!(log[1].lines, [line(6, "again")]);

    // A line's place is taken once.
    let again = vec![LogLine {
        time: clock::now(),
        text: "again".to_owned(),
    }];
    let twice = store.append_log(run.id, run.epoch, 3, again).await;
    assert!(matches!(twice, Err(StoreError::Duplicate(_))), "{twice:?}");

    let (others, _) = running(&store, 2, 1, &executor("e1")).await;
    let foreign = store.log(others.task.id, run.id).await;
    assert!(
        matches!(foreign, Err(StoreError::NotFound { .. })),
        "{foreign:?}"
    );
}
