//! Nothing but health, reflection and time is told to somebody unknown.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::{Context, Result};
use slacktide_api::v1::{
    GetClusterRequest, GetInfoRequest, ListTasksRequest, RegisterClusterRequest,
    StopClusterRequest, WatchTaskRequest,
};
use slacktide_tests::{
    Api, Credentials, Setup, Slacktide, error_info, simulated_cluster, simulated_driver, within,
};
use tonic::{Code, Status};

const LIMIT: Duration = Duration::from_secs(60);

/// The outcome of one call to each of some RPCs.
async fn call_each(api: &Api, id: i64) -> Vec<Result<(), Status>> {
    let (mut clusters, mut tasks) = (api.clusters.clone(), api.tasks.clone());
    let stop = StopClusterRequest {
        id,
        ..Default::default()
    };
    vec![
        clusters
            .get_cluster(GetClusterRequest { id })
            .await
            .map(drop),
        clusters
            .register_cluster(RegisterClusterRequest::default())
            .await
            .map(drop),
        clusters.stop_cluster(stop).await.map(drop),
        tasks
            .list_tasks(ListTasksRequest::default())
            .await
            .map(drop),
        tasks
            .watch_task(WatchTaskRequest::default())
            .await
            .map(drop),
        api.info.clone().get_info(GetInfoRequest {}).await.map(drop),
    ]
}

#[tokio::test]
async fn without_credentials_or_with_wrong_ones() -> Result<()> {
    within(LIMIT, "no credentials", async {
        for stranger in [
            Credentials::None,
            Credentials::basic("admin", "wrong"),
            Credentials::basic("nobody", "wrong"),
            Credentials::basic("", ""),
        ] {
            // A server for each: who fails too often is kept waiting.
            let slacktide = Slacktide::start().await?;
            let cluster = slacktide
                .api()?
                .register(simulated_cluster("closed", 1, simulated_driver(0)))
                .await?;
            for outcome in call_each(&slacktide.api_as(&stranger)?, cluster.id).await {
                assert_eq!(
                    outcome.map_err(|status| status.code()),
                    Err(Code::Unauthenticated),
                    "{stranger:?}"
                );
            }
            let rest = slacktide.rest_as(&stranger);
            let stop = rest
                .post(&format!("/api/v2/ob/clusters/{}/stop", cluster.id), "")
                .await?;
            assert_eq!(stop.status, 401, "{stranger:?}");
            assert_eq!(stop.json()?["error"]["code"], 3000);
            for path in [
                "/api/v2/ob/clusters",
                "/api/v2/tasks/instances",
                "/api/v2/info",
            ] {
                assert_eq!(rest.get(path).await?.status, 401, "{stranger:?} {path}");
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_is_open_to_everybody() -> Result<()> {
    within(LIMIT, "open calls", async {
        let slacktide = Slacktide::start().await?;
        let time = slacktide
            .rest_as(&Credentials::None)
            .get("/api/v2/time")
            .await?;
        assert_eq!(time.status, 200);
        assert!(
            !time.text().ends_with('Z'),
            "a numeric offset: {}",
            time.text()
        );
        for path in ["/healthz", "/readyz", "/metrics"] {
            assert_eq!(
                slacktide.admin_listener().get(path).await?.status,
                200,
                "{path}"
            );
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn viewer_sees_but_does_not_stop() -> Result<()> {
    within(LIMIT, "viewer", async {
        let slacktide = Slacktide::start().await?;
        let spec = simulated_cluster("viewed", 1, simulated_driver(0));
        let cluster = slacktide.api()?.register(spec.clone()).await?;
        let viewer = slacktide
            .add_user("vera", "CLUSTER_VIEWER", "a long password")
            .await?;
        let api = slacktide.api_as(&viewer)?;
        assert_eq!(api.cluster(cluster.id).await?.id, cluster.id);

        // Permission is checked before existence: the answer does not tell which clusters there are.
        for id in [cluster.id, 424_242] {
            let refusal = api
                .stop_with(StopClusterRequest {
                    id,
                    ..Default::default()
                })
                .await;
            let refusal = refusal.err().context("a viewer stopped a cluster")?;
            assert_eq!(refusal.code(), Code::PermissionDenied, "{refusal:?}");
            let info = error_info(&refusal)?;
            assert_eq!(
                info.metadata.get("ocp_code").map(String::as_str),
                Some("3100")
            );
            let path = format!("/api/v2/ob/clusters/{id}/stop");
            let answer = slacktide.rest_as(&viewer).post(&path, "").await?;
            assert_eq!(answer.status, 403);
            assert_eq!(answer.json()?["error"]["code"], 3100);
        }
        let request = RegisterClusterRequest {
            cluster: Some(spec),
            ..Default::default()
        };
        let refusal = api.clusters.clone().register_cluster(request).await.err();
        assert_eq!(
            refusal.map(|status| status.code()),
            Some(Code::PermissionDenied)
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn manager_stops() -> Result<()> {
    within(LIMIT, "manager", async {
        let slacktide = Slacktide::start().await?;
        let manager = slacktide
            .add_user("mona", "CLUSTER_MANAGER", "a long password")
            .await?;
        let api = slacktide.api_as(&manager)?;
        let cluster = api
            .register(simulated_cluster("run", 1, simulated_driver(0)))
            .await?;
        let task = api
            .stop_with(StopClusterRequest {
                id: cluster.id,
                ..Default::default()
            })
            .await?;
        assert_eq!(
            task.creator.map(|creator| creator.name).as_deref(),
            Some("mona")
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn generated_password_lies_in_a_private_file() -> Result<()> {
    within(LIMIT, "generated password", async {
        let mut slacktide = Setup::default().generated_password().start().await?;
        let mut holders = Vec::new();
        for entry in std::fs::read_dir(slacktide.data_dir())? {
            let path = entry?.path();
            if path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().contains("password"))
            {
                holders.push(path);
            }
        }
        let [file] = holders.as_slice() else {
            anyhow::bail!("one password file: {holders:?}")
        };
        assert_eq!(std::fs::metadata(file)?.permissions().mode() & 0o777, 0o600);
        let password = std::fs::read_to_string(file)?.trim().to_owned();
        assert!(password.len() >= 16, "too short to be safe");
        assert!(
            !slacktide.output().contains(&password),
            "a log is no place for a password"
        );
        let name = file.file_name().context("a file")?.to_string_lossy();
        let announced = slacktide.output().matches(name.as_ref()).count();
        assert_eq!(announced, 1, "{}", slacktide.output());

        let admin = Credentials::basic("admin", &password);
        slacktide
            .api_as(&admin)?
            .info
            .clone()
            .get_info(GetInfoRequest {})
            .await?;
        slacktide.sigterm().await?;
        slacktide.restart().await?;
        slacktide
            .api_as(&admin)?
            .info
            .clone()
            .get_info(GetInfoRequest {})
            .await?;
        assert_eq!(
            slacktide.output().matches(name.as_ref()).count(),
            1,
            "announced once"
        );
        Ok(())
    })
    .await
}
