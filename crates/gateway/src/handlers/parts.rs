//! The zones and servers of a cluster, which OCP lists by calls of their own.

use slacktide_api::v1::GetClusterRequest;

use crate::{
    envelope::Answer,
    error::ApiError,
    model::{
        cluster::{ObCluster, Server, Zone},
        page::Contents,
    },
    request::{
        path::{Ids, Path},
        query::Params,
        schema,
    },
    routes::Parameter,
    upstream::Rpc,
};

/// Filters by places that no server here is known to be in.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "regionName",
        about: "Finds nothing: regions are not known.",
        schema: schema::text,
    },
    Parameter {
        name: "idcName",
        about: "Finds nothing: data centers are not known.",
        schema: schema::text,
    },
];

pub(crate) async fn zones(rpc: Rpc, Ids([id]): Ids<1>) -> Result<Answer<Contents<Zone>>, ApiError> {
    let contents = cluster(&rpc, id).await?.into_zones();
    Ok(Answer(Contents { contents }))
}

pub(crate) async fn servers(
    rpc: Rpc,
    (Ids([id]), params): (Ids<1>, Params),
) -> Result<Answer<Contents<Server>>, ApiError> {
    let mut contents = cluster(&rpc, id).await?.into_servers();
    if PARAMETERS
        .iter()
        .any(|place| params.first(place.name).is_some())
    {
        contents.clear();
    }
    Ok(Answer(Contents { contents }))
}

pub(crate) async fn servers_of_zone(
    rpc: Rpc,
    path: Path,
) -> Result<Answer<Contents<Server>>, ApiError> {
    let zone = path.text("zoneName");
    let cluster = cluster(&rpc, path.long("id")?).await?;
    let contents = cluster
        .into_servers_of(zone)
        .ok_or_else(|| ApiError::no_such_zone(zone))?;
    Ok(Answer(Contents { contents }))
}

async fn cluster(rpc: &Rpc, id: i64) -> Result<ObCluster, ApiError> {
    let request = rpc.request(GetClusterRequest { id });
    let response = rpc.clusters().get_cluster(request).await?.into_inner();
    let cluster = response.cluster.ok_or_else(ApiError::internal)?;
    Ok(cluster.into())
}
