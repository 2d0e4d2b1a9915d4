//! `cluster list`.

use slacktide_api::v1::{Cluster, ListClustersRequest, ListClustersResponse};

use super::super::{
    Connection, Failure, Output,
    text::{self, Word},
};

/// Large clusters make large pages.
const PAGE: i32 = 50;

pub(super) async fn run(connection: &Connection, output: &mut Output) -> anyhow::Result<()> {
    let clusters = all(connection, ListClustersRequest::default()).await?;
    output.message("ListClustersResponse", &clusters, |listed| {
        table(&listed.clusters)
    })
}

/// All clusters that the filter matches, as one page.
pub(in super::super) async fn all(
    connection: &Connection,
    filter: ListClustersRequest,
) -> Result<ListClustersResponse, Failure> {
    let mut client = connection.clusters();
    let mut listed = ListClustersResponse::default();
    loop {
        let request = ListClustersRequest {
            page_size: PAGE,
            page_token: listed.next_page_token,
            ..filter.clone()
        };
        let page = client.list_clusters(request).await?.into_inner();
        listed.clusters.extend(page.clusters);
        listed.total_size = page.total_size;
        listed.next_page_token = page.next_page_token;
        if listed.next_page_token.is_empty() {
            return Ok(listed);
        }
    }
}

fn table(clusters: &[Cluster]) -> String {
    let header = ["ID", "NAME", "STATUS", "ZONES", "SERVERS", "TASK", "REASON"];
    let row = |cluster: &Cluster| {
        let servers: usize = cluster.zones.iter().map(|zone| zone.servers.len()).sum();
        [
            cluster.id.to_string(),
            cluster.name.clone(),
            cluster.status().word().to_owned(),
            cluster.zones.len().to_string(),
            servers.to_string(),
            cluster
                .active_task_id
                .map_or_else(|| "-".to_owned(), |id| id.to_string()),
            text::or_dash(&text::one_line(&cluster.status_reason)),
        ]
    };
    text::columns(header, clusters.iter().map(row).collect())
}
