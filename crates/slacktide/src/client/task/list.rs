//! `task list`.

use slacktide_api::v1::{ListTasksRequest, Task};

use super::super::{
    Connection, Failure, Format, Output, clock,
    cluster_ref::ClusterRef,
    output::note,
    text::{self, Word},
};

/// List tasks, the latest first
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct List {
    /// How many to list
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(i32).range(1..=2000))]
    limit: i32,
    /// Only tasks of this cluster, by its id or name
    #[arg(long, value_name = "CLUSTER", value_parser = ClusterRef::parse, allow_negative_numbers = true)]
    cluster: Option<ClusterRef>,
}

impl List {
    pub(super) async fn run(
        self,
        connection: &Connection,
        output: &mut Output,
    ) -> anyhow::Result<()> {
        let cluster_id = match self.cluster {
            Some(cluster) => Some(cluster.id(connection).await?),
            None => None,
        };
        let request = ListTasksRequest {
            page_size: self.limit,
            cluster_id,
            ..ListTasksRequest::default()
        };
        let answer = connection
            .tasks()
            .list_tasks(request)
            .await
            .map_err(Failure::from)?;
        let listed = answer.into_inner();
        output.message("ListTasksResponse", &listed, |listed| table(&listed.tasks))?;
        let more = !listed.next_page_token.is_empty();
        if more && output.format == Format::Table {
            let (shown, total) = (listed.tasks.len(), listed.total_size);
            note(&format!("{shown} of {total} tasks; --limit lists more"));
        }
        Ok(())
    }
}

fn table(tasks: &[Task]) -> String {
    let header = [
        "ID", "NAME", "CLUSTER", "STATUS", "DONE", "ACCEPTED", "TOOK", "ERROR",
    ];
    let row = |task: &Task| {
        let progress = task.progress.unwrap_or_default();
        let took = match (&task.create_time, &task.finish_time) {
            (Some(accepted), Some(end)) => text::elapsed(clock::between(accepted, end)),
            _ => "-".to_owned(),
        };
        [
            task.id.to_string(),
            task.name.clone(),
            task.cluster
                .as_ref()
                .map_or_else(|| "-".to_owned(), |cluster| cluster.name.clone()),
            task.status().word().to_owned(),
            format!("{}/{}", progress.successful, progress.total),
            text::time(task.create_time.as_ref()),
            took,
            text::or_dash(&text::one_line(&task.error)),
        ]
    };
    text::columns(header, tasks.iter().map(row).collect())
}
