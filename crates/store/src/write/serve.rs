//! The loop that drains a writer's queue.

use std::{
    sync::{Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use futures::future::BoxFuture;
use sea_orm::{ConnectionTrait, Statement};
use slacktide_engine::id::TaskId;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{
    Job, Told, Tx, Work,
    link::{Failure, Line, Transaction},
};
use crate::{
    batch::{self, Carried, Known, Left, Op, Reply},
    error::StoreError,
    ids,
    session::Session,
    signal::Wake,
    statement::statement,
};

/// How many operations may share a transaction. More gains little and delays the first.
const GROUP: usize = 128;

/// After how long without a job a writer whose last one the database did not take writes something of its own.
const PROBE: Duration = Duration::from_secs(2);

type Done = oneshot::Sender<Result<Reply, StoreError>>;

/// Operations that share a transaction.
struct Together<'a> {
    ops: &'a [Op],
    known: &'a Mutex<Known>,
}

impl Transaction for Together<'_> {
    type Output = Carried;

    fn carry_out<'s>(
        &'s self,
        session: &'s Session,
        begin: Statement,
    ) -> BoxFuture<'s, Result<Carried, StoreError>> {
        Box::pin(batch::run(session, begin, self.ops, self.known))
    }

    fn left(carried: &Carried) -> Left {
        carried.left
    }
}

/// A job that has a transaction of its own.
struct Alone<'a> {
    work: &'a Work,
    wakes: Mutex<Vec<Wake>>,
}

impl Transaction for Alone<'_> {
    type Output = ();

    fn carry_out<'s>(
        &'s self,
        session: &'s Session,
        begin: Statement,
    ) -> BoxFuture<'s, Result<(), StoreError>> {
        Box::pin(async move {
            session.execute_raw(begin).await?;
            self.wakes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clear();
            (self.work)(Tx {
                db: session,
                wakes: &self.wakes,
            })
            .await
        })
    }
}

/// Looks whether a task was accepted.
struct IsThere(TaskId);

impl Transaction for IsThere {
    type Output = bool;

    fn carry_out<'s>(
        &'s self,
        session: &'s Session,
        begin: Statement,
    ) -> BoxFuture<'s, Result<bool, StoreError>> {
        Box::pin(async move {
            session.execute_raw(begin).await?;
            let select = "SELECT id FROM task WHERE id = ?";
            let select = statement(session, select, [self.0.0.into()]);
            Ok(session.query_one_raw(select).await?.is_some())
        })
    }

    fn left(_there: &bool) -> Left {
        Left::ToRollBack
    }
}

struct Serving {
    line: Line,
    told: Told,
    known: Mutex<Known>,
}

pub(super) async fn serve(line: Line, told: Told, mut queue: mpsc::Receiver<Job>) {
    let mut serving = Serving {
        line,
        told,
        known: Mutex::default(),
    };
    let mut group = Vec::with_capacity(GROUP);
    while serving.receive(&mut queue, &mut group).await > 0 {
        let (mut ops, mut dones) = (Vec::new(), Vec::new());
        let mut alone = Vec::new();
        for job in group.drain(..) {
            match job {
                Job::Shared { op, done } => {
                    ops.push(op);
                    dones.push(done);
                }
                Job::Alone {
                    operation,
                    work,
                    done,
                } => alone.push((operation, work, done)),
            }
        }
        serving.shared(ops, dones).await;
        for (operation, work, done) in alone {
            let result = serving.alone(operation, &work).await;
            let _ = done.send(result);
        }
    }
    serving.line.close().await;
}

impl Serving {
    /// Takes what waits; 0 once nobody can send any more. A process that is not ready is sent nothing to write, so
    /// a writer finds out by itself when the database takes writes again.
    async fn receive(&mut self, queue: &mut mpsc::Receiver<Job>, group: &mut Vec<Job>) -> usize {
        while !self.told.working.load(Ordering::Relaxed) {
            match timeout(PROBE, queue.recv_many(group, GROUP)).await {
                Ok(received) => return received,
                Err(_) => self.probe().await,
            }
        }
        queue.recv_many(group, GROUP).await
    }

    async fn probe(&mut self) {
        // Counts, for SQLite does not write what stays the same.
        let work: Work =
            Box::new(|tx| Box::pin(async move { ids::next(&tx, "probe", 1).await.map(drop) }));
        let alone = Alone {
            work: &work,
            wakes: Mutex::default(),
        };
        if self.line.attempt(&alone).await.is_ok() {
            tracing::info!("the database takes writes again");
            self.note(None);
        }
    }

    async fn shared(&mut self, mut ops: Vec<Op>, mut dones: Vec<Done>) {
        if ops.len() > 1 {
            let together = Together {
                ops: &ops,
                known: &self.known,
            };
            match self.line.attempt(&together).await {
                Ok(carried) => return self.answer(carried, ops, dones),
                Err(Failure::Unknown(error)) => {
                    tracing::warn!(%error, operations = ops.len(), "the answer to a commit was lost");
                    for (op, done) in ops.drain(..).zip(dones.drain(..)) {
                        let result = self.settle(&op, error.lost_again()).await;
                        let _ = done.send(result);
                    }
                }
                Err(failure) => {
                    let error = failure.into_error();
                    tracing::debug!(%error, operations = ops.len(), "a shared transaction failed, running each alone");
                }
            }
        }
        for (op, done) in ops.into_iter().zip(dones) {
            self.one(op, done).await;
        }
    }

    async fn one(&mut self, op: Op, done: Done) {
        let together = Together {
            ops: std::slice::from_ref(&op),
            known: &self.known,
        };
        match self.line.transact("a shared operation", &together).await {
            Ok(carried) => self.answer(carried, vec![op], vec![done]),
            Err(Failure::Unknown(error)) => {
                let result = self.settle(&op, error).await;
                let _ = done.send(result);
            }
            Err(failure) => {
                let error = failure.into_error();
                self.note(Some(&error));
                let _ = done.send(Err(error));
            }
        }
    }

    /// Finds out what became of an operation whose COMMIT was not answered. An accepted task is known by its id,
    /// which nobody else has; the engine refuses every other event that was committed when it is sent again.
    async fn settle(&mut self, op: &Op, error: StoreError) -> Result<Reply, StoreError> {
        let Op::Submit(submit) = op else {
            self.note(Some(&error));
            return Err(error);
        };
        let task = submit.accepted.task.id;
        match self.line.attempt(&IsThere(task)).await {
            Ok(true) => {
                self.send(vec![Wake::Work]);
                Ok(Reply::Done)
            }
            _ => Err(error),
        }
    }

    async fn alone(&mut self, operation: &'static str, work: &Work) -> Result<(), StoreError> {
        let alone = Alone {
            work,
            wakes: Mutex::default(),
        };
        match self.line.transact(operation, &alone).await {
            Ok(()) => {
                self.note(None);
                let wakes = alone.wakes.into_inner();
                self.send(wakes.unwrap_or_else(PoisonError::into_inner));
                Ok(())
            }
            Err(failure) => {
                let error = failure.into_error();
                self.note(Some(&error));
                Err(error)
            }
        }
    }

    fn answer(&self, carried: Carried, ops: Vec<Op>, dones: Vec<Done>) {
        self.note(None);
        self.send(carried.wakes);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if carried.left != Left::ToRollBack {
            known.keep(carried.tasks.into_values());
        }
        for ((reply, op), done) in carried.replies.into_iter().zip(ops).zip(dones) {
            if let (Op::Submit(submit), Ok(_)) = (op, &reply) {
                known.keep_accepted(submit.accepted);
            }
            let _ = done.send(reply);
        }
    }

    /// Notes whether the database took what was written last.
    fn note(&self, error: Option<&StoreError>) {
        let refused = matches!(error, Some(StoreError::Database { .. }));
        self.told.working.store(!refused, Ordering::Relaxed);
        if error.is_none() {
            self.told.wrote.notify_one();
        }
    }

    fn send(&self, mut wakes: Vec<Wake>) {
        wakes.dedup();
        for wake in wakes {
            self.told.signals.send(wake);
        }
    }
}
