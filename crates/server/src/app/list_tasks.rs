//! Lists of tasks. Those with subtasks are bounded by how many subtasks that makes.

use slacktide_store::{Listed, Page, Store, TaskFilter, TaskSnapshot};

use super::AppError;

/// How many subtasks one page has at most, unless its first task alone has more: what fits into a gRPC message
/// of the usual 4 MiB.
const MOST_SUBTASKS: u64 = 10_000;

/// One page. With subtasks it may be shorter than was asked for; the next one begins behind what it has.
pub(crate) async fn list_tasks(
    store: &Store,
    filter: &TaskFilter,
    page: Page,
    subtasks: bool,
) -> Result<Listed<TaskSnapshot>, AppError> {
    let listed = store.tasks(filter, page, false).await?;
    if !subtasks || listed.items.is_empty() {
        return Ok(listed);
    }
    let sizes = listed.items.iter().map(|item| item.task.tally.total);
    let limit = fitting(sizes.map(u64::from));
    Ok(store.tasks(filter, Page { limit, ..page }, true).await?)
}

/// How many of these tasks fit into one page: at least the first.
fn fitting(sizes: impl Iterator<Item = u64>) -> u64 {
    let mut sum = 0;
    let fit = sizes.take_while(|size| {
        sum += size;
        sum <= MOST_SUBTASKS
    });
    fit.count().max(1) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_as_many_tasks_as_their_subtasks_let() {
        for (sizes, fit) in [
            (vec![11; 2000], 909),
            (vec![9_012, 9_012], 1),
            (vec![900_000], 1),
            (vec![5_000, 5_000, 1], 2),
            (vec![11, 14], 2),
        ] {
            assert_eq!(fitting(sizes.into_iter()), fit);
        }
    }
}
