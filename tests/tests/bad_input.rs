//! Bad input gets the documented error that names what is wrong, and never a 5xx.

use std::time::Duration;

use anyhow::{Context, Result};
use http::Method;
use serde_json::Value;
use slacktide_api::v1::{ClusterSpec, RegisterClusterRequest};
use slacktide_tests::{
    Answer, ClusterFile, Slacktide, simulated_cluster, simulated_driver, within,
};
use tonic::Code;
use tonic_types::StatusExt;

const LIMIT: Duration = Duration::from_secs(60);

/// A refusal has OCP's envelope, with the words that the caller needs. Returns `error`.
fn refused(answer: &Answer, status: u16, words: &[&str]) -> Result<Value> {
    let body = answer.json()?;
    assert_eq!(answer.status, status, "{body}");
    assert_eq!(body["status"].as_u64(), Some(status.into()), "{body}");
    assert_eq!(body["successful"], Value::Bool(false), "{body}");
    assert_eq!(body.get("data"), None, "{body}");
    for word in words {
        assert!(
            body["error"].to_string().contains(word),
            "{word:?} is not in {body}"
        );
    }
    Ok(body["error"].clone())
}

#[tokio::test]
async fn ids_that_are_no_long() -> Result<()> {
    within(LIMIT, "bad ids", async {
        let slacktide = Slacktide::start().await?;
        let rest = slacktide.rest();
        for bad in [
            "abc",
            "1.5",
            "9223372036854775808",
            "-9223372036854775809",
            "%20",
        ] {
            let shown = if bad == "%20" { " " } else { bad };
            let stop = rest
                .post(&format!("/api/v2/ob/clusters/{bad}/stop"), "")
                .await?;
            refused(&stop, 400, &["id", shown, "Long"])?;
            let cluster = rest.get(&format!("/api/v2/ob/clusters/{bad}")).await?;
            refused(&cluster, 400, &["id", shown, "Long"])?;
            let task = rest.get(&format!("/api/v2/tasks/instances/{bad}")).await?;
            refused(&task, 400, &["taskInstanceId", shown, "Long"])?;
            let log = rest
                .get(&format!("/api/v2/tasks/instances/1/subtasks/{bad}/log"))
                .await?;
            refused(&log, 400, &["subtaskInstanceId", shown, "Long"])?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn ids_that_name_nothing() -> Result<()> {
    within(LIMIT, "unknown ids", async {
        let slacktide = Slacktide::start().await?;
        let rest = slacktide.rest();
        for unknown in ["0", "-1", "424242", "9223372036854775807"] {
            let stop = rest
                .post(&format!("/api/v2/ob/clusters/{unknown}/stop"), "")
                .await?;
            assert_eq!(refused(&stop, 404, &[unknown])?["code"], 11001);
            let cluster = rest.get(&format!("/api/v2/ob/clusters/{unknown}")).await?;
            assert_eq!(refused(&cluster, 404, &[unknown])?["code"], 11001);
            let task = rest
                .get(&format!("/api/v2/tasks/instances/{unknown}"))
                .await?;
            assert_eq!(refused(&task, 404, &[unknown])?["code"], 4001);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn wrong_methods_and_paths() -> Result<()> {
    within(LIMIT, "wrong methods", async {
        let slacktide = Slacktide::start().await?;
        let rest = slacktide.rest();
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = rest
                .call(method, "/api/v2/ob/clusters/1/stop", &[], "")
                .await?;
            refused(&answer, 405, &[])?;
        }
        refused(&rest.post("/api/v2/tasks/instances", "").await?, 405, &[])?;
        refused(&rest.get("/api/v2/ob/nothing").await?, 404, &[])?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn bodies_that_say_nothing_usable() -> Result<()> {
    within(LIMIT, "bad bodies", async {
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        let cluster = api
            .register(simulated_cluster("bodies", 1, simulated_driver(0)))
            .await?;
        let path = format!("/api/v2/ob/clusters/{}/stop", cluster.id);
        let rest = slacktide.rest();
        for malformed in [
            "{",
            "nonsense",
            "[1]",
            "\"GRACEFUL\"",
            "{\"mode\":}",
            "\u{0}",
        ] {
            refused(&rest.post(&path, malformed).await?, 400, &[])?;
        }
        refused(
            &rest.post(&path, r#"{"mode":"HARD"}"#).await?,
            400,
            &["mode", "GRACEFUL"],
        )?;
        refused(&rest.post(&path, r#"{"mode":7}"#).await?, 400, &["mode"])?;
        refused(
            &rest.post(&path, r#"{"minorFreeze":"no"}"#).await?,
            400,
            &["minorFreeze"],
        )?;
        // Almost a field of ours: a dry run that is passed over would stop production.
        refused(
            &rest.post(&path, r#"{"validate_only":true}"#).await?,
            400,
            &["validate_only"],
        )?;
        refused(
            &rest.post(&path, r#"{"Mode":"IMMEDIATE"}"#).await?,
            400,
            &["Mode"],
        )?;
        refused(&rest.post(&path, vec![b' '; 1 << 20]).await?, 413, &[])?;
        assert_eq!(
            api.cluster(cluster.id).await?,
            cluster,
            "a refused call changes nothing"
        );

        let unknown = rest.post(&path, r#"{"somebodyElses":"field"}"#).await?;
        assert_eq!(unknown.status, 200, "{}", unknown.text());
        Ok(())
    })
    .await
}

/// Makes one thing wrong in a cluster that is right otherwise.
type Spoil = fn(&mut ClusterSpec);

#[tokio::test]
async fn clusters_that_cannot_be() -> Result<()> {
    let cases: [(&str, Spoil); 8] = [
        ("cluster.name", |spec| spec.name.clear()),
        ("cluster.ob_cluster_id", |spec| spec.ob_cluster_id = 0),
        ("cluster.zones", |spec| spec.zones.clear()),
        ("cluster.zones[0].name", |spec| spec.zones[0].name.clear()),
        ("cluster.zones[1].servers", |spec| {
            spec.zones[1].servers.clear()
        }),
        ("cluster.zones[0].servers[0].ip", |spec| {
            "nowhere".clone_into(&mut spec.zones[0].servers[0].ip)
        }),
        ("cluster.zones[0].servers[0].sql_port", |spec| {
            spec.zones[0].servers[0].sql_port = 65_536
        }),
        ("cluster.zones[0].servers[0].driver", |spec| {
            spec.zones[0].servers[0].driver = None
        }),
    ];
    within(LIMIT, "bad clusters", async {
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        for (field, spoil) in cases {
            let mut spec = simulated_cluster("bad", 2, simulated_driver(0));
            spoil(&mut spec);
            let request = RegisterClusterRequest {
                cluster: Some(spec),
                ..Default::default()
            };
            let refusal = api.clusters.clone().register_cluster(request).await;
            let refusal = refusal
                .err()
                .with_context(|| format!("{field} was accepted"))?;
            assert_eq!(refusal.code(), Code::InvalidArgument, "{refusal:?}");
            let details = refusal.get_details_bad_request().context("BadRequest")?;
            let named: Vec<_> = details
                .field_violations
                .iter()
                .map(|one| one.field.as_str())
                .collect();
            assert!(named.contains(&field), "{field} is not among {named:?}");
        }
        let request = RegisterClusterRequest::default();
        let refusal = api.clusters.clone().register_cluster(request).await.err();
        assert_eq!(
            refusal.map(|status| status.code()),
            Some(Code::InvalidArgument)
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn server_that_is_registered_twice() -> Result<()> {
    within(LIMIT, "duplicate servers", async {
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        let mut twice = simulated_cluster("twice", 2, simulated_driver(0));
        twice.zones[1].servers = twice.zones[0].servers.clone();
        let request = RegisterClusterRequest {
            cluster: Some(twice),
            ..Default::default()
        };
        let refusal = api.clusters.clone().register_cluster(request).await.err();
        let refusal = refusal.context("a server twice in one cluster was accepted")?;
        assert_eq!(refusal.code(), Code::InvalidArgument, "{refusal:?}");
        let details = refusal.get_details_bad_request().context("BadRequest")?;
        let field = details
            .field_violations
            .first()
            .map(|one| one.field.as_str());
        assert!(field.is_some_and(|field| field.starts_with("cluster.zones[1].servers[0]")));

        let first = simulated_cluster("first", 1, simulated_driver(0));
        api.register(first.clone()).await?;
        let second = ClusterSpec {
            name: "second".to_owned(),
            ..first
        };
        let request = RegisterClusterRequest {
            cluster: Some(second),
            ..Default::default()
        };
        let refusal = api.clusters.clone().register_cluster(request).await.err();
        let refusal = refusal.context("a server in two clusters was accepted")?;
        assert!(
            [Code::AlreadyExists, Code::InvalidArgument].contains(&refusal.code()),
            "{refusal:?}"
        );
        assert!(
            refusal.message().contains("first"),
            "names the other cluster: {refusal:?}"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn cluster_files_that_cannot_be_read() -> Result<()> {
    let whole = ClusterFile::simulated("filed", &[0, 0]);
    let cases = [
        (
            whole.replace("sql_port = 2883\n", ""),
            "zones[0].servers[0].sql_port",
        ),
        (whole.replace("name = \"zone2\"\n", ""), "zones[1].name"),
        (
            whole.replace("kind = \"simulated\"", "kind = \"magic\""),
            "zones[0].servers[0].driver",
        ),
        (whole.replace("2885", "2883"), "zones[1].servers[0]"),
        (whole.replace("ob_cluster_id", "ob_cluster"), "ob_cluster"),
        ("name = ".to_owned(), "line 1"),
    ];
    within(LIMIT, "bad cluster files", async {
        let slacktide = Slacktide::start().await?;
        for (text, word) in cases {
            let file = ClusterFile::write(&text)?;
            let path = file.path().display().to_string();
            let output = slacktide
                .command(&["cluster", "register", "-f", &path])
                .await?;
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success(), "{text}");
            assert!(
                error.contains(word),
                "{word:?} is not in {error:?} about\n{text}"
            );
        }
        let list = slacktide
            .command(&["cluster", "list", "-o", "json"])
            .await?;
        assert!(!String::from_utf8_lossy(&list.stdout).contains("filed"));
        Ok(())
    })
    .await
}
