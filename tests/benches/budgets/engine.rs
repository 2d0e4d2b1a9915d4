//! A stop of three real server processes.

use std::time::Duration;

use anyhow::{Context, Result};
use slacktide_api::v1::{GetSubtaskLogRequest, StopMode, Task};
use slacktide_tests::{Api, Engine, Slacktide, cluster, with_engine};

use crate::table::{Table, percentile, time};

const ROUNDS: usize = 3;
const LIMIT: Duration = Duration::from_secs(300);
/// Servers that use less of the processor than this in a second, all together, have booted.
const CALM: Duration = Duration::from_millis(300);
const CALM_LIMIT: Duration = Duration::from_secs(60);

pub(crate) async fn run(table: &mut Table) -> Result<()> {
    with_engine("bench of three real servers", LIMIT, async |home| {
        let (mut overheads, mut exits) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let engines = Engine::start_many::<3>(home).await?;
            until_calm(&engines).await?;
            let slacktide = Slacktide::start().await?;
            let api = slacktide.api()?;
            let zones = engines.iter().map(|engine| vec![engine.spec()]).collect();
            let id = api.register(cluster("three", zones)).await?.id;
            let accepted = api.stop(id, StopMode::Immediate).await?;
            let task = api.finished(accepted.id).await?;
            let exit = longest_exit(&api, &task).await?;
            overheads.push(lasted(&task)?.saturating_sub(exit));
            exits.push(exit);
        }
        let overhead = percentile(&mut overheads, 0.5);
        table.fact(
            "three real servers: their own exit",
            time(percentile(&mut exits, 0.5)),
        );
        let what = "three real servers, IMMEDIATE, over their own exit";
        table.at_most(what, overhead, Duration::from_millis(100));
        Ok(())
    })
    .await
}

/// Waits until the servers have booted: for their first ten seconds they use all of a small machine, and no cluster
/// that is worth stopping was started just now.
async fn until_calm(engines: &[Engine]) -> Result<()> {
    let waiting = async {
        let mut before = processor(engines)?;
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = processor(engines)?;
            if now.saturating_sub(before) < CALM {
                return anyhow::Ok(());
            }
            before = now;
        }
    };
    let calm = tokio::time::timeout(CALM_LIMIT, waiting).await;
    calm.context("the servers do not come to rest")?
}

/// What of the processor the servers have used.
fn processor(engines: &[Engine]) -> Result<Duration> {
    let mut ticks = 0;
    for engine in engines {
        let pid = engine.server_pid().context("a server has ended")?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (_, numbers) = stat.rsplit_once(')').context("a process has a name")?;
        // The fields utime and stime of proc(5), in hundredths of a second.
        for field in numbers.split_whitespace().skip(11).take(2) {
            ticks += field.parse::<u64>()?;
        }
    }
    Ok(Duration::from_millis(10 * ticks))
}

fn lasted(task: &Task) -> Result<Duration> {
    let at = |time: Option<prost_types::Timestamp>| {
        let time = time.context("the task has no time")?;
        Ok::<_, anyhow::Error>(Duration::new(
            time.seconds.try_into()?,
            time.nanos.try_into()?,
        ))
    };
    Ok(at(task.finish_time)?.saturating_sub(at(task.create_time)?))
}

/// How long the slowest server took from the signal to its end, as its log says.
async fn longest_exit(api: &Api, task: &Task) -> Result<Duration> {
    let mut longest = 0;
    let stops = task
        .subtasks
        .iter()
        .filter(|subtask| subtask.name == "Stop observer process");
    for subtask in stops {
        let request = GetSubtaskLogRequest {
            task_id: task.id,
            subtask_id: subtask.id,
        };
        let log = api
            .tasks
            .clone()
            .get_subtask_log(request)
            .await?
            .into_inner()
            .log;
        let took = log.lines().find_map(|line| {
            let (_, rest) = line.split_once("gone after ")?;
            rest.split_once(" ms")?.0.parse::<u64>().ok()
        });
        longest = longest.max(took.context("the log does not say how long the server took")?);
    }
    Ok(Duration::from_millis(longest))
}
