//! Reads clusters for all who ask at the same moment: one statement serves them. Under load a statement costs far more
//! than what it reads.

use std::{collections::BTreeMap, sync::Arc};

use slacktide_engine::{cluster::Cluster, id::ClusterId};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::{
    cluster_rows::{CLUSTERS, read_clusters},
    error::StoreError,
    reads::Reads,
};

/// How many statements may be under way: a large cluster does not hold up the others.
const AT_A_TIME: usize = 2;

type Answer = Result<Option<Cluster>, StoreError>;

struct Request {
    id: i64,
    answer: oneshot::Sender<Answer>,
}

/// The end for those who ask.
#[derive(Clone)]
pub(crate) struct ClusterReads(mpsc::UnboundedSender<Request>);

impl ClusterReads {
    /// Makes the queue, and the loops that serve it until nobody can ask any more.
    pub(crate) fn new(reads: &Reads) -> (Self, Vec<impl Future<Output = ()> + use<>>) {
        let (asking, queue) = mpsc::unbounded_channel();
        let queue = Arc::new(Mutex::new(queue));
        let serving = (0..AT_A_TIME).map(|_| serve(reads.clone(), Arc::clone(&queue)));
        (Self(asking), serving.collect())
    }

    pub(crate) async fn read(&self, id: ClusterId) -> Answer {
        let (answer, answered) = oneshot::channel();
        let request = Request { id: id.0, answer };
        self.0.send(request).map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

async fn serve(reads: Reads, queue: Arc<Mutex<mpsc::UnboundedReceiver<Request>>>) {
    let mut requests = Vec::with_capacity(CLUSTERS);
    loop {
        let taken = queue.lock().await.recv_many(&mut requests, CLUSTERS).await;
        if taken == 0 {
            return;
        }
        answer(&reads, &mut requests).await;
    }
}

async fn answer(reads: &Reads, requests: &mut Vec<Request>) {
    let mut wanted: BTreeMap<i64, Vec<oneshot::Sender<Answer>>> = BTreeMap::new();
    // Whoever went away needs no answer.
    for Request { id, answer } in requests.drain(..) {
        if !answer.is_closed() {
            wanted.entry(id).or_default().push(answer);
        }
    }
    let ids: Vec<_> = wanted.keys().copied().collect();
    match read_clusters(reads, &ids).await {
        Ok(mut found) => {
            for (id, answers) in wanted {
                let cluster = found.remove(&id);
                for answer in answers {
                    let _ = answer.send(Ok(cluster.clone()));
                }
            }
        }
        Err(error @ StoreError::Database { .. }) => {
            for answer in wanted.into_values().flatten() {
                let _ = answer.send(Err(error.lost_again()));
            }
        }
        // One cluster whose row cannot be read must not hide the others.
        Err(_) => {
            for (id, answer) in wanted.into_iter().flat_map(each) {
                let alone = read_clusters(reads, &[id]).await;
                let _ = answer.send(alone.map(|mut found| found.remove(&id)));
            }
        }
    }
}

fn each<T>((id, all): (i64, Vec<T>)) -> impl Iterator<Item = (i64, T)> {
    all.into_iter().map(move |one| (id, one))
}
