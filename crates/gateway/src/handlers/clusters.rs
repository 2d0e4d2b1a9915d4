//! `/api/v2/ob/clusters`.

use slacktide_api::v1::{GetClusterRequest, ListClustersRequest};

use crate::{
    envelope::Answer,
    error::ApiError,
    model::{cluster::ObCluster, page::Page},
    request::{
        filter,
        list::{Paging, Sortable, order_by},
        path::Ids,
        query::Params,
        schema,
    },
    routes::Parameter,
    upstream::Rpc,
};

const SORTABLE: [Sortable; 5] = [
    ("id", "id"),
    ("name", "name"),
    ("status", "status"),
    ("createTime", "create_time"),
    ("updateTime", "update_time"),
];

pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "page",
        about: "Number of the page. One that makes no sense is the first.",
        schema: schema::page,
    },
    Parameter {
        name: "size",
        about: "How many a page holds. One that makes no sense is the usual, one too large the largest.",
        schema: schema::size,
    },
    Parameter {
        name: "sort",
        about: "Property to sort by.",
        schema: || schema::sort(&SORTABLE),
    },
    Parameter {
        name: "name",
        about: "Part of the name, in any case.",
        schema: schema::text,
    },
    Parameter {
        name: "status",
        about: "Statuses, separated by commas.",
        schema: || schema::any_of(&filter::cluster_words()),
    },
];

pub(crate) async fn list(rpc: Rpc, params: Params) -> Result<Answer<Page<ObCluster>>, ApiError> {
    let paging = Paging::of(&params);
    let statuses = filter::cluster_statuses(&params)?;
    let found_nothing = statuses.is_none();
    let request = rpc.request(ListClustersRequest {
        page_size: paging.size,
        skip: paging.skip(),
        order_by: order_by(&params, &SORTABLE)?,
        name: params.first("name").unwrap_or_default().to_owned(),
        statuses: statuses.unwrap_or_default(),
        ..ListClustersRequest::default()
    });
    // Asked even where nothing can be found: whether the caller may list clusters is the server's to say.
    let response = rpc.clusters().list_clusters(request).await?.into_inner();
    if found_nothing {
        return Ok(Answer(Page::empty(paging)));
    }
    let clusters = response.clusters.into_iter().map(ObCluster::from).collect();
    Ok(Answer(Page::new(paging, clusters, response.total_size)))
}

pub(crate) async fn get(rpc: Rpc, Ids([id]): Ids<1>) -> Result<Answer<ObCluster>, ApiError> {
    let request = rpc.request(GetClusterRequest { id });
    let response = rpc.clusters().get_cluster(request).await?.into_inner();
    let cluster = response.cluster.ok_or_else(ApiError::internal)?;
    Ok(Answer(cluster.into()))
}
