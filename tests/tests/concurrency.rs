//! One cluster, one task at a time; one key, one task.

use std::time::Duration;

use anyhow::{Context, Result};
use http::Method;
use slacktide_api::v1::{ListTasksRequest, StopClusterRequest, StopMode};
use slacktide_tests::{Api, Slacktide, error_info, simulated_cluster, simulated_driver, within};
use tonic::Code;

const LIMIT: Duration = Duration::from_secs(60);

async fn tasks_of(api: &Api, cluster: i64) -> Result<i64> {
    let request = ListTasksRequest {
        cluster_id: Some(cluster),
        ..Default::default()
    };
    Ok(api
        .tasks
        .clone()
        .list_tasks(request)
        .await?
        .into_inner()
        .total_size)
}

fn keyed(id: i64, key: &str, mode: StopMode) -> StopClusterRequest {
    StopClusterRequest {
        id,
        request_id: key.to_owned(),
        mode: mode.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn second_stop_is_refused_and_names_the_first() -> Result<()> {
    within(LIMIT, "two stops", async {
        let slacktide = Slacktide::start().await?;
        let (one, two) = (slacktide.api()?, slacktide.api()?);
        let cluster = one
            .register(simulated_cluster("twice", 3, simulated_driver(2000)))
            .await?;
        let request = StopClusterRequest {
            id: cluster.id,
            ..Default::default()
        };
        let (first, second) = tokio::join!(
            one.stop_with(request.clone()),
            two.stop_with(request.clone())
        );
        let (task, refusal) = match (first, second) {
            (Ok(task), Err(refusal)) | (Err(refusal), Ok(task)) => (task, refusal),
            both => anyhow::bail!("one is accepted, one refused: {both:?}"),
        };
        assert_eq!(refusal.code(), Code::FailedPrecondition);
        let info = error_info(&refusal)?;
        assert_eq!(info.domain, "slacktide");
        assert_eq!(
            info.metadata.get("active_task_id"),
            Some(&task.id.to_string())
        );
        let code = info.metadata.get("ocp_code").context("ocp_code")?;
        assert!(["11020", "11007"].contains(&code.as_str()), "{code}");

        let path = format!("/api/v2/ob/clusters/{}/stop", cluster.id);
        let answer = slacktide.rest().post(&path, "").await?;
        assert_eq!(answer.status, 409);
        let error = &answer.json()?["error"];
        assert!(
            [11020, 11007].map(Some).contains(&error["code"].as_i64()),
            "{error}"
        );
        assert!(error.to_string().contains(&task.id.to_string()), "{error}");
        assert_eq!(tasks_of(&one, cluster.id).await?, 1);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn many_stops_at_once_make_one_task() -> Result<()> {
    within(LIMIT, "many stops", async {
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        let cluster = api
            .register(simulated_cluster("many", 1, simulated_driver(2000)))
            .await?;
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let api = slacktide.api()?;
            let request = StopClusterRequest {
                id: cluster.id,
                ..Default::default()
            };
            calls.spawn(async move { api.stop_with(request).await });
        }
        let outcomes = calls.join_all().await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        for refusal in outcomes.into_iter().filter_map(Result::err) {
            assert_eq!(refusal.code(), Code::FailedPrecondition, "{refusal:?}");
        }
        assert_eq!(tasks_of(&api, cluster.id).await?, 1);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn same_request_id_gives_the_same_task() -> Result<()> {
    within(LIMIT, "request_id", async {
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        let cluster = api
            .register(simulated_cluster("keyed", 1, simulated_driver(50)))
            .await?;
        let request = keyed(cluster.id, "key-1", StopMode::Immediate);
        let first = api.stop_with(request.clone()).await?;
        let again = api.stop_with(request.clone()).await?;
        assert_eq!(again.id, first.id);
        // The cluster is STOPPED now, which refuses a new stop; the key is looked up before.
        api.finished(first.id).await?;
        assert_eq!(api.stop_with(request).await?.id, first.id);

        let other = api
            .stop_with(keyed(cluster.id, "key-1", StopMode::Graceful))
            .await;
        assert_eq!(
            other.map_err(|refusal| refusal.code()),
            Err(Code::AlreadyExists)
        );
        assert_eq!(tasks_of(&api, cluster.id).await?, 1);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn same_idempotency_key_gives_the_same_task() -> Result<()> {
    within(LIMIT, "Idempotency-Key", async {
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        let cluster = api
            .register(simulated_cluster("keyed", 1, simulated_driver(50)))
            .await?;
        let path = format!("/api/v2/ob/clusters/{}/stop", cluster.id);
        let key = [
            ("idempotency-key", "key-2"),
            ("content-type", "application/json"),
        ];
        let rest = slacktide.rest();
        let first = rest.call(Method::POST, &path, &key, "").await?;
        let again = rest.call(Method::POST, &path, &key, "").await?;
        assert_eq!((first.status.as_u16(), again.status.as_u16()), (200, 200));
        assert_eq!(again.json()?["data"], first.json()?["data"]);

        let other = rest
            .call(Method::POST, &path, &key, r#"{"mode":"IMMEDIATE"}"#)
            .await?;
        assert_eq!(other.status, 409);
        assert_eq!(tasks_of(&api, cluster.id).await?, 1);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn dry_run_writes_nothing() -> Result<()> {
    within(LIMIT, "dry run", async {
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        let cluster = api
            .register(simulated_cluster("dry", 2, simulated_driver(50)))
            .await?;
        let request = StopClusterRequest {
            id: cluster.id,
            validate_only: true,
            ..Default::default()
        };
        let task = api.stop_with(request).await?;
        assert_eq!((task.id, task.subtasks.len()), (0, 2 * 2 + 3 * 2 + 6));
        assert_eq!(tasks_of(&api, cluster.id).await?, 0);
        assert_eq!(api.cluster(cluster.id).await?, cluster);
        Ok(())
    })
    .await
}
