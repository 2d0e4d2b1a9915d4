//! Links over real servers, cut and restored by a proxy between.

use slacktide_engine::id::TaskId;
use slacktide_test_databases::{Nats, Options, Postgres, Proxy, runs};
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;

use super::*;
use crate::signal::{
    Wake,
    local::{TaskNews, Work},
    nats::NatsLink,
    outgoing::{self, Outgoing},
    postgres::PostgresLink,
};

/// How long anything may take that is waited for.
const LIMIT: Duration = Duration::from_secs(60);
const IDENTITY: i64 = 0x1dea;
const TASK: TaskId = TaskId(12);

/// One process, so to speak.
struct Process {
    local: Local,
    outgoing: Option<Outgoing>,
    link: JoinSet<()>,
}

impl Process {
    async fn start(link: impl Link) -> Self {
        let local = Local::default();
        let (outgoing, outbox) = outgoing::channel();
        let (tell, tried) = oneshot::channel();
        let mut running = JoinSet::new();
        running.spawn(keep(link, local.clone(), outbox, tell));
        tried.await.unwrap();
        let process = Self {
            local,
            outgoing: Some(outgoing),
            link: running,
        };
        // What the link woke when it was made.
        process.drain_wake_ups().await;
        process
    }

    async fn drain_wake_ups(&self) {
        let _ = timeout(Duration::ZERO, self.local.work()).await;
        let _ = timeout(Duration::ZERO, self.local.canceling.notified()).await;
    }

    fn send(&self, wake: Wake) {
        self.outgoing.as_ref().unwrap().send(wake);
    }
}

fn nats_link(port: u16) -> NatsLink {
    NatsLink::new(&format!("nats://127.0.0.1:{port}"), IDENTITY).unwrap()
}

fn postgres_link(url: &str) -> PostgresLink {
    let pool = PgPoolOptions::new().connect_lazy(url).unwrap();
    PostgresLink::new(&pool, IDENTITY)
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let done = timeout(LIMIT, future).await;
    done.unwrap_or_else(|_| panic!("not within {LIMIT:?}: {what}"))
}

async fn tells_each_kind(from: &Process, to: &Process) {
    let mut watcher = to.local.task(TASK);
    let mut follower = to.local.all_tasks.subscribe();
    from.send(Wake::Task(TASK, 7));
    within("a revision", watcher.wait_for(|revision| *revision == 7))
        .await
        .unwrap();
    let news = within("news of a task", follower.recv()).await;
    assert_eq!(news, Ok(TaskNews::Changed(TASK, 7)));
    from.send(Wake::Work);
    let work = within("work", to.local.work()).await;
    assert_eq!(work, Work::Anything);
    from.send(Wake::Cancel);
    within("canceling", to.local.canceling.notified()).await;
}

async fn hears_nothing_of_its_own(process: &Process, other: &Process) {
    let mut follower = process.local.all_tasks.subscribe();
    process.send(Wake::Task(TASK, 8));
    // Sent later by another, so it arrives later.
    let mut heard = other.local.task(TASK);
    within("the other has heard", heard.wait_for(|last| *last == 8))
        .await
        .unwrap();
    other.send(Wake::Task(TASK, 9));
    let news = within("news", follower.recv()).await;
    assert_eq!(news, Ok(TaskNews::Changed(TASK, 9)));
}

async fn survives_a_broken_link(
    near: &Process,
    far: &Process,
    fail: impl Fn(),
    restore: impl Fn(),
) {
    let mut watcher = far.local.task(TASK);
    let mut follower = far.local.all_tasks.subscribe();
    let mut near_follower = near.local.all_tasks.subscribe();
    fail();
    // Lost, or late: nobody may rely on it.
    near.send(Wake::Task(TASK, 20));
    restore();
    let missed = async |follower: &mut tokio::sync::broadcast::Receiver<TaskNews>| {
        while follower.recv().await != Ok(TaskNews::Missed) {}
    };
    within("all are woken behind the link", missed(&mut follower)).await;
    within("all are woken before it", missed(&mut near_follower)).await;
    within("a watcher is", watcher.changed()).await.unwrap();

    near.send(Wake::Task(TASK, 21));
    within("later ones arrive", watcher.wait_for(|last| *last == 21))
        .await
        .unwrap();
    far.send(Wake::Task(TASK, 22));
    let mut back = near.local.task(TASK);
    within("also the other way", back.wait_for(|last| *last == 22))
        .await
        .unwrap();
}

async fn says_its_last_word(mut leaving: Process, other: &Process) {
    let mut watcher = other.local.task(TASK);
    leaving.send(Wake::Task(TASK, 30));
    drop(leaving.outgoing.take());
    within("the link ends", leaving.link.join_next()).await;
    within("its last word", watcher.wait_for(|last| *last == 30))
        .await
        .unwrap();
}

async fn behaves<L: Link>(proxy: &Proxy, direct: impl Fn() -> L, far: L) {
    let (near, far) = (Process::start(direct()).await, Process::start(far).await);
    tells_each_kind(&near, &far).await;
    tells_each_kind(&far, &near).await;
    hears_nothing_of_its_own(&near, &far).await;
    survives_a_broken_link(&near, &far, || proxy.cut(), || proxy.restore()).await;
    says_its_last_word(near, &far).await;
}

#[tokio::test]
async fn postgres_links_processes() {
    if !runs("postgres_links_processes", Postgres::available()).unwrap() {
        return;
    }
    let server = Postgres::shared().await.unwrap();
    let url = server.fresh_database().await.unwrap();
    let proxy = Proxy::start(server.port()).await.unwrap();
    let far = postgres_link(&proxy.in_front_of(&url).unwrap());
    behaves(&proxy, || postgres_link(&url), far).await;
}

#[tokio::test]
async fn nats_links_processes() {
    if !runs("nats_links_processes", Nats::available()).unwrap() {
        return;
    }
    let server = Nats::shared().await.unwrap();
    let proxy = Proxy::start(server.port()).await.unwrap();
    behaves(&proxy, || nats_link(server.port()), nats_link(proxy.port())).await;
}

/// A link that was there, is lost, and comes back. Meanwhile nothing of it blocks anybody.
async fn comes_back(process: &Process, restarted: impl Future<Output = ()>) {
    let mut follower = process.local.all_tasks.subscribe();
    process.send(Wake::Work);
    restarted.await;
    let news = within("all are woken", follower.recv()).await;
    assert_eq!(news, Ok(TaskNews::Missed));
}

#[tokio::test]
async fn a_link_outlives_postgres() {
    if !runs("a_link_outlives_postgres", Postgres::available()).unwrap() {
        return;
    }
    let mut server = Postgres::start(Options::default()).await.unwrap();
    let link = postgres_link(&server.fresh_database().await.unwrap());
    let process = Process::start(link).await;
    comes_back(&process, async {
        server.kill().unwrap();
        server.start_again().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_link_outlives_nats() {
    if !runs("a_link_outlives_nats", Nats::available()).unwrap() {
        return;
    }
    let mut server = Nats::start(Options::default()).await.unwrap();
    let process = Process::start(nats_link(server.port())).await;
    comes_back(&process, async {
        server.kill().unwrap();
        server.start_again().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_there_holds_nobody_up() {
    let port = slacktide_test_databases::free_port().unwrap();
    let mut process = within("the first attempt", Process::start(nats_link(port))).await;
    process.send(Wake::Work);
    drop(process.outgoing.take());
    within("the link ends", process.link.join_next()).await;
}
