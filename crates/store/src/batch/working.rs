//! A task while it is worked on: its rows as the transaction would have them by now, and what of them is to be
//! written.

use std::collections::{BTreeMap, BTreeSet};

use slacktide_engine::{
    commit::{Change, FoldedLog, Frame, ResourceChange, Scan, ServerRow},
    id::{ClusterId, ServerId, SubtaskId, ZoneId},
    revision::Revision,
    subtask::Subtask,
    task::Task,
    time::Micros,
};

/// A changed status, and when it changed.
pub(super) type Changed<Id> = (ResourceChange<Id>, Micros);

pub(super) struct Working {
    pub(super) frame: Frame,
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
    pub(super) fn new(task: Task) -> Self {
        Self {
            frame: super::load::frame(task),
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
