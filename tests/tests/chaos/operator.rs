//! Those who have clusters stopped and started while the storm blows: each asks again, under the same key, until
//! it is answered, and follows its task to the end.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::future::try_join_all;
use slacktide_api::v1::{
    ClusterSpec, RetryTaskRequest, StartClusterRequest, StopClusterRequest, StopMode, Task,
    TaskStatus,
};
use slacktide_tests::{Api, simulated_cluster, simulated_driver};
use tonic::{Code, Status};

use crate::fleet::{Calls, Fleet};
use crate::follower::{Followed, Follower};
use crate::random::Random;

/// A halted server answers nothing: after this, the client asks another one.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);
const CLUSTERS: usize = 20;
/// Failures that a retry mends are part of a storm; a task that fails again and again is not.
const RETRIES: usize = 5;

/// What is to be done.
pub(crate) struct Work {
    specs: Vec<ClusterSpec>,
    rounds: usize,
}

impl Work {
    /// Stops and starts of simulated clusters, `operations` in all.
    pub(crate) fn simulated(operations: usize) -> Self {
        let spec = |number| {
            let name = format!("chaos_{number}");
            simulated_cluster(&name, 1 + number % 3, simulated_driver(5))
        };
        Self {
            specs: (0..CLUSTERS).map(spec).collect(),
            rounds: operations / CLUSTERS,
        }
    }

    /// Stops and starts of one cluster, with whatever its servers are.
    pub(crate) fn on(spec: ClusterSpec, operations: usize) -> Self {
        Self {
            specs: vec![spec],
            rounds: operations,
        }
    }

    pub(crate) async fn register(&self, fleet: &Fleet) -> Result<Vec<i64>> {
        let api = &fleet.calls().0[0];
        let mut ids = Vec::new();
        for spec in &self.specs {
            ids.push(api.register(spec.clone()).await?.id);
        }
        Ok(ids)
    }
}

/// What came of it.
pub(crate) struct Done {
    pub(crate) followed: Vec<(i64, Followed)>,
    pub(crate) rounds: usize,
    retries: usize,
}

impl Done {
    pub(crate) fn tasks(&self) -> usize {
        self.followed.len()
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resumed: usize = self
            .followed
            .iter()
            .map(|(_, followed)| followed.resumed)
            .sum();
        write!(f, "{} retries, {resumed} watches resumed", self.retries)
    }
}

pub(crate) async fn carry_out(
    calls: &Calls,
    work: &Work,
    clusters: &[i64],
    random: &mut Random,
) -> Result<Done> {
    let operators = clusters.iter().map(|&cluster| {
        let random = random.branch();
        let operator = Operator {
            calls: calls.clone(),
            cluster,
            random,
            retries: 0,
        };
        operator.work(work.rounds)
    });
    let mut done = Done {
        followed: Vec::new(),
        rounds: work.rounds,
        retries: 0,
    };
    for (cluster, (followed, retries)) in clusters.iter().zip(try_join_all(operators).await?) {
        done.followed
            .extend(followed.into_iter().map(|one| (*cluster, one)));
        done.retries += retries;
    }
    Ok(done)
}

struct Operator {
    calls: Calls,
    cluster: i64,
    random: Random,
    retries: usize,
}

impl Operator {
    async fn work(mut self, rounds: usize) -> Result<(Vec<Followed>, usize)> {
        let mut all = Vec::new();
        for round in 0..rounds {
            let what = format!("cluster {}, round {round}", self.cluster);
            all.push(self.round(round).await.context(what)?);
        }
        Ok((all, self.retries))
    }

    async fn round(&mut self, round: usize) -> Result<Followed> {
        let (id, key) = (self.cluster, format!("{}-{round}", self.cluster));
        let accepted = self
            .ask(async |api: &Api| {
                let (mut clusters, request_id) = (api.clusters.clone(), key.clone());
                let task = if round.is_multiple_of(2) {
                    let request = StopClusterRequest {
                        id,
                        request_id,
                        mode: StopMode::Immediate.into(),
                        ..Default::default()
                    };
                    clusters.stop_cluster(request).await?.into_inner().task
                } else {
                    let request = StartClusterRequest {
                        id,
                        request_id,
                        ..Default::default()
                    };
                    clusters.start_cluster(request).await?.into_inner().task
                };
                task.ok_or_else(|| Status::internal("the response holds no task"))
            })
            .await?;
        let mut follower = Follower::new(accepted);
        for retry in 0..=RETRIES {
            let task = self.follow(&mut follower).await?;
            if task.status() == TaskStatus::Successful {
                return follower.end(&task);
            }
            if retry == RETRIES {
                bail!("task {} failed again and again: {}", task.id, task.error);
            }
            self.retries += 1;
            let key = format!("{key}-retry-{retry}");
            self.ask(async |api: &Api| {
                let request = RetryTaskRequest {
                    id: task.id,
                    request_id: key.clone(),
                    ..Default::default()
                };
                api.tasks.clone().retry_task(request).await
            })
            .await?;
        }
        bail!("unreachable: the loop ends by itself")
    }

    /// Follows the task until its watch says that it has ended, and returns it as it is then.
    async fn follow(&mut self, follower: &mut Follower) -> Result<Task> {
        loop {
            let api = self.any().clone();
            let following = follower.follow(&api);
            match tokio::time::timeout(PATIENCE * 2, following).await {
                Ok(Ok(())) => break,
                Ok(Err(status)) if passes(&status) => tokio::time::sleep(PAUSE).await,
                Ok(Err(status)) => bail!("the watch broke: {status}"),
                Err(_) => {}
            }
        }
        let id = follower.task();
        self.ask(async |api: &Api| {
            let request = slacktide_api::v1::GetTaskRequest { id, view: 0 };
            let task = api.tasks.clone().get_task(request).await?.into_inner().task;
            task.ok_or_else(|| Status::internal("the response holds no task"))
        })
        .await
    }

    /// Asks one server after the other until one answers.
    async fn ask<T>(&mut self, call: impl AsyncFn(&Api) -> Result<T, Status>) -> Result<T> {
        loop {
            let api = self.any().clone();
            match tokio::time::timeout(PATIENCE, call(&api)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(status)) if passes(&status) => tokio::time::sleep(PAUSE).await,
                Ok(Err(status)) => bail!("refused: {status}"),
                Err(_) => {}
            }
        }
    }

    fn any(&mut self) -> &Api {
        let index = self.random.below(self.calls.0.len());
        &self.calls.0[index]
    }
}

/// Whether a client is to try again: the server says so, or is gone.
fn passes(status: &Status) -> bool {
    let gone = matches!(
        status.code(),
        Code::Unknown | Code::Internal | Code::Cancelled
    ) && std::error::Error::source(status).is_some();
    gone || matches!(
        status.code(),
        Code::Unavailable | Code::DeadlineExceeded | Code::Aborted
    )
}
