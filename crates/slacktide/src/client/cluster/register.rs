//! `cluster register` and `cluster update`.

use std::{env, fs, path::PathBuf};

use anyhow::{Context as _, bail};
use slacktide_api::v1::{Cluster, ClusterSpec, RegisterClusterRequest, UpdateClusterRequest};

use super::{
    super::{Connection, Failure, Output, cluster_ref, request_key::RequestKey},
    get,
};
use crate::cluster_file;

/// A cluster file, and the key of the request that is made of it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct File {
    /// File that describes the cluster, as TOML
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    path: PathBuf,
    #[command(flatten)]
    pub(super) key: RequestKey,
}

impl File {
    pub(super) fn read(&self) -> anyhow::Result<ClusterSpec> {
        let path = self.path.display();
        let text = fs::read_to_string(&self.path)
            .with_context(|| format!("could not read the cluster file {path}"))?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the file names the variable, so no configuration can know it beforehand"
        )]
        let variable = |name: &str| env::var(name);
        cluster_file::parse(&text, variable)
            .with_context(|| format!("the cluster file {path} is not usable"))
    }
}

pub(super) async fn register(
    connection: &Connection,
    output: &mut Output,
    spec: ClusterSpec,
    request_id: String,
) -> anyhow::Result<()> {
    let request = RegisterClusterRequest {
        cluster: Some(spec),
        request_id,
    };
    let answer = connection
        .clusters()
        .register_cluster(request)
        .await
        .map_err(Failure::from)?;
    let cluster = answer.into_inner().cluster.unwrap_or_default();
    print(output, "registered", &cluster)
}

pub(super) async fn update(
    connection: &Connection,
    output: &mut Output,
    spec: ClusterSpec,
    request_id: String,
) -> anyhow::Result<()> {
    let Some(found) = cluster_ref::named(connection, &spec.name).await? else {
        bail!(
            "no cluster named `{}` is registered: register it with `slacktide cluster register -f`",
            spec.name
        );
    };
    let request = UpdateClusterRequest {
        id: found.id,
        cluster: Some(spec),
        request_id,
    };
    let answer = connection
        .clusters()
        .update_cluster(request)
        .await
        .map_err(Failure::from)?;
    let cluster = answer.into_inner().cluster.unwrap_or_default();
    print(output, "updated", &cluster)
}

fn print(output: &mut Output, done: &str, cluster: &Cluster) -> anyhow::Result<()> {
    output.message("Cluster", cluster, |cluster| {
        format!("{done} {}", get::text(cluster))
    })
}
