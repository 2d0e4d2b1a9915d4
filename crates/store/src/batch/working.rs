//! A task while it is worked on: its rows as the transaction would have them by now, and what of them is to be
//! written.

use std::collections::{BTreeMap, BTreeSet};

use slacktide_engine::{
    commit::{Change, FoldedLog, Frame, ResourceChange, Scan, ServerRow},
    id::{ClusterId, ServerId, SubtaskId, ZoneId},
    plan::Accepted,
    revision::Revision,
    subtask::Subtask,
    task::Task,
    time::Micros,
};

/// A changed status, and when it changed.
pub(super) type Changed<Id> = (ResourceChange<Id>, Micros);

#[derive(Debug)]
pub(crate) struct Working {
    pub(super) frame: Frame,
    /// The version of the task's row, before this transaction raises it.
    pub(super) version: i64,
    /// What each loaded run is about to do, as its row says or will say.
    pub(super) intents: BTreeMap<SubtaskId, String>,
    /// The subtasks whose rows are to be written.
    pub(super) changed: BTreeSet<SubtaskId>,
    pub(super) revisions: Vec<Revision>,
    pub(super) servers: BTreeMap<ServerId, Changed<ServerId>>,
    pub(super) zones: BTreeMap<ZoneId, Changed<ZoneId>>,
    pub(super) cluster: Option<Changed<ClusterId>>,
    pub(super) released: bool,
    pub(super) logs: Vec<FoldedLog>,
}

impl Working {
    pub(super) fn new(task: Task, version: i64) -> Self {
        Self {
            frame: Frame {
                task,
                subtasks: BTreeMap::new(),
                servers: None,
                scanned: None,
            },
            version,
            intents: BTreeMap::new(),
            changed: BTreeSet::new(),
            revisions: Vec::new(),
            servers: BTreeMap::new(),
            zones: BTreeMap::new(),
            cluster: None,
            released: false,
            logs: Vec::new(),
        }
    }

    /// A task that was just accepted.
    pub(super) fn accepted(accepted: Accepted) -> Self {
        let mut working = Self::new(accepted.task, 0);
        let subtasks = accepted.subtasks.into_iter();
        working.frame.subtasks = subtasks.map(|subtask| (subtask.id, subtask)).collect();
        working.frame.scanned = Some(Scan::All);
        working
    }

    /// The task as this transaction leaves it, once it is committed.
    pub(super) fn settled(self) -> Self {
        let mut settled = Self::new(self.frame.task, self.version + 1);
        settled.frame.scanned = self.frame.scanned;
        settled.frame.servers = self.frame.servers;
        settled.frame.subtasks = self.frame.subtasks;
        settled.intents = self.intents;
        for id in &self.changed {
            if let Some(subtask) = settled.frame.subtasks.get_mut(id) {
                subtask.version += 1;
            }
        }
        settled
    }

    /// Takes a row that was read. One that is known already may have changed since.
    pub(super) fn know(&mut self, subtask: Subtask, intent: Option<String>) {
        let id = subtask.id;
        if self.frame.subtasks.contains_key(&id) {
            return;
        }
        self.frame.subtasks.insert(id, subtask);
        self.intents.extend(intent.map(|intent| (id, intent)));
    }

    pub(super) fn know_servers(&mut self, mut servers: Vec<ServerRow>) {
        for server in &mut servers {
            if let Some((change, _)) = self.servers.get(&server.id) {
                server.status = change.status;
            }
        }
        self.frame.servers = Some(servers);
    }

    /// Notes a scan that is about to be loaded, and says which: the one that was asked for, or everything where
    /// another one was asked for before.
    pub(super) fn widen(&mut self, scan: Scan) -> Scan {
        let scan = match self.frame.scanned {
            Some(other) if other != scan => Scan::All,
            _ => scan,
        };
        self.frame.scanned = Some(scan);
        scan
    }

    /// Takes what an event changes.
    pub(super) fn apply(&mut self, change: Change) {
        let time = change.task.last_time;
        for subtask in change.subtasks {
            let id = subtask.id;
            let before = self.frame.subtasks.get(&id).map(|before| before.epoch);
            if subtask.owner.is_some() && before != Some(subtask.epoch) {
                // A run's first intent is its claim; later ones are recorded by the run itself.
                self.intents.insert(id, subtask.kind.name().to_owned());
            }
            self.changed.insert(id);
            self.frame.subtasks.insert(id, subtask);
        }
        for server in change.servers {
            let rows = self.frame.servers.iter_mut().flatten();
            for row in rows.filter(|row| row.id == server.id) {
                row.status = server.status;
            }
            self.servers.insert(server.id, (server, time));
        }
        for zone in change.zones {
            self.zones.insert(zone.id, (zone, time));
        }
        if let Some(cluster) = change.cluster {
            self.cluster = Some((cluster, time));
        }
        self.released |= change.release;
        self.revisions.extend(change.revisions);
        self.logs.extend(change.logs);
        self.frame.task = change.task;
    }
}
