//! Pages, orders and filters.

use slacktide_api::v1 as pb;
use tonic::Code;

use crate::kit::{Kit, fields, refused};

async fn clusters(kit: &Kit, request: pb::ListClustersRequest) -> pb::ListClustersResponse {
    let listed = kit.clusters("vera").list_clusters(request).await;
    listed.unwrap().into_inner()
}

async fn tasks(kit: &Kit, request: pb::ListTasksRequest) -> pb::ListTasksResponse {
    kit.tasks("vera")
        .list_tasks(request)
        .await
        .unwrap()
        .into_inner()
}

fn names(listed: &pb::ListClustersResponse) -> Vec<&str> {
    listed
        .clusters
        .iter()
        .map(|cluster| &*cluster.name)
        .collect()
}

async fn five() -> Kit {
    let kit = Kit::new().await;
    for name in ["ada", "bob", "Carl", "dora", "emil"] {
        kit.register(name, 1, 1).await;
    }
    kit
}

#[tokio::test]
async fn pages_follow_their_tokens_to_the_end() {
    let kit = five().await;
    let mut request = pb::ListClustersRequest {
        page_size: 2,
        ..Default::default()
    };
    let mut seen = Vec::new();
    loop {
        let page = clusters(&kit, request.clone()).await;
        assert_eq!(page.total_size, 5);
        seen.extend(names(&page).into_iter().map(str::to_owned));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(seen, ["ada", "bob", "Carl", "dora", "emil"]);

    let skipping = pb::ListClustersRequest {
        skip: 4,
        ..Default::default()
    };
    assert_eq!(names(&clusters(&kit, skipping.clone()).await), ["emil"]);
    let beyond = clusters(
        &kit,
        pb::ListClustersRequest {
            skip: 9,
            ..skipping
        },
    )
    .await;
    assert_eq!((beyond.clusters.len(), beyond.total_size), (0, 5));
}

#[tokio::test]
async fn every_documented_order_works() {
    let kit = five().await;
    for order_by in ["id", "name", "status", "create_time", "update_time"] {
        for suffix in ["", " desc"] {
            let request = pb::ListClustersRequest {
                order_by: format!("{order_by}{suffix}"),
                ..Default::default()
            };
            let listed = clusters(&kit, request).await;
            let first = if suffix.is_empty() { "ada" } else { "emil" };
            if order_by != "name" {
                assert_eq!(listed.clusters[0].name, first, "{order_by}{suffix}");
            }
        }
    }
    for cluster in clusters(&kit, pb::ListClustersRequest::default())
        .await
        .clusters
    {
        kit.stop(cluster.id).await;
    }
    let newest = tasks(&kit, pb::ListTasksRequest::default()).await;
    assert!(
        newest.tasks.is_sorted_by(|a, b| a.id > b.id),
        "newest first"
    );
    for order_by in ["id", "name", "status", "create_time", "finish_time"] {
        for suffix in ["", " desc"] {
            let request = pb::ListTasksRequest {
                order_by: format!("{order_by}{suffix}"),
                ..Default::default()
            };
            let listed = tasks(&kit, request).await;
            assert_eq!(listed.tasks.len(), 5, "{order_by}{suffix}");
        }
    }
}

#[tokio::test]
async fn an_unknown_order_is_refused_with_its_own_code() {
    let kit = Kit::new().await;
    let request = pb::ListClustersRequest {
        order_by: "creator".to_owned(),
        ..Default::default()
    };
    let answer = kit.clusters("vera").list_clusters(request).await;
    let details = refused(answer, Code::InvalidArgument, "UNSORTABLE_FIELD", 1011);
    assert_eq!(fields(&details), ["order_by"]);
}

#[tokio::test]
async fn faults_of_a_page_name_their_fields() {
    let kit = Kit::new().await;
    let request = pb::ListTasksRequest {
        page_size: 2001,
        page_token: "mine".to_owned(),
        skip: -1,
        view: 7,
        r#type: 9,
        statuses: vec![1, 9],
        ..Default::default()
    };
    let answer = kit.tasks("vera").list_tasks(request).await;
    let details = refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT", 0);
    let expected = [
        "page_size",
        "page_token",
        "skip",
        "view",
        "type",
        "statuses[1]",
    ];
    assert_eq!(fields(&details), expected);
}

#[tokio::test]
async fn a_filter_is_bounded_before_it_reaches_the_database() {
    let kit = Kit::new().await;
    let endless = "x".repeat(50_000);
    let request = pb::ListTasksRequest {
        name: endless.clone(),
        cluster_name: endless.clone(),
        ..Default::default()
    };
    let answer = kit.tasks("vera").list_tasks(request).await;
    let details = refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT", 0);
    assert_eq!(fields(&details), ["name", "cluster_name"]);
    let request = pb::ListClustersRequest {
        name: endless,
        ..Default::default()
    };
    let answer = kit.clusters("vera").list_clusters(request).await;
    let details = refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT", 0);
    assert_eq!(fields(&details), ["name"]);

    let request = pb::ListClustersRequest {
        statuses: vec![1; 100_000],
        ..Default::default()
    };
    assert_eq!(clusters(&kit, request).await.clusters.len(), 0);
}

#[tokio::test]
async fn filters_keep_what_they_say() {
    let kit = five().await;
    let stopped = clusters(&kit, pb::ListClustersRequest::default())
        .await
        .clusters[2]
        .id;
    let task = kit.stop(stopped).await;
    kit.run(task.id, None).await;

    let named = |name: &str| pb::ListClustersRequest {
        name: name.to_owned(),
        ..Default::default()
    };
    assert_eq!(names(&clusters(&kit, named("CA")).await), ["Carl"]);
    assert_eq!(names(&clusters(&kit, named("%")).await), [""; 0]);
    let with = |statuses: &[pb::ClusterStatus]| pb::ListClustersRequest {
        statuses: statuses.iter().map(|status| (*status).into()).collect(),
        ..Default::default()
    };
    use pb::ClusterStatus::*;
    assert_eq!(names(&clusters(&kit, with(&[Stopped])).await), ["Carl"]);
    assert_eq!(
        clusters(&kit, with(&[Running, Stopping])).await.total_size,
        4
    );
    assert_eq!(
        clusters(&kit, with(&[Stopped, Unspecified]))
            .await
            .total_size,
        5
    );

    let all = pb::ListTasksRequest::default;
    for (request, matched) in [
        (all(), 1),
        (
            pb::ListTasksRequest {
                name: "stop ob".to_owned(),
                ..all()
            },
            1,
        ),
        (
            pb::ListTasksRequest {
                name: "start".to_owned(),
                ..all()
            },
            0,
        ),
        (
            pb::ListTasksRequest {
                cluster_name: "carl".to_owned(),
                ..all()
            },
            1,
        ),
        (
            pb::ListTasksRequest {
                cluster_id: Some(stopped),
                ..all()
            },
            1,
        ),
        (
            pb::ListTasksRequest {
                cluster_id: Some(0),
                ..all()
            },
            0,
        ),
        (
            pb::ListTasksRequest {
                r#type: pb::TaskType::Manual.into(),
                ..all()
            },
            1,
        ),
        (
            pb::ListTasksRequest {
                r#type: pb::TaskType::Scheduled.into(),
                ..all()
            },
            0,
        ),
        (
            pb::ListTasksRequest {
                statuses: vec![pb::TaskStatus::Successful.into()],
                ..all()
            },
            1,
        ),
        (
            pb::ListTasksRequest {
                statuses: vec![pb::TaskStatus::Running.into()],
                ..all()
            },
            0,
        ),
    ] {
        let listed = tasks(&kit, request.clone()).await;
        assert_eq!(listed.total_size, matched, "{request:?}");
        assert_eq!(listed.tasks.len() as i64, matched, "{request:?}");
        assert!(listed.tasks.iter().all(|task| task.subtasks.is_empty()));
    }
    let full = pb::ListTasksRequest {
        view: pb::TaskView::Full.into(),
        ..all()
    };
    assert_eq!(tasks(&kit, full).await.tasks[0].subtasks.len(), 11);
}
