use std::collections::{BTreeMap, VecDeque};

use dunning_engine::{Membership, Partition};
use dunning_wire::topic::InputTopic;

/// A member of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Member(u64);

/// A consumer group: who has which shard. A shard that moves is first given up by its owner, then given to the next, as
/// with an incremental assignor; whoever stays keeps what it has as far as the shares allow.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    members: BTreeMap<Member, VecDeque<Membership>>,
    /// Their lanes' transactional ids.
    names: BTreeMap<Member, String>,
    /// What expelled members do not know yet.
    lost: BTreeMap<Member, Vec<Partition>>,
    shards: Vec<Owned>,
    offsets: BTreeMap<(InputTopic, Partition), i64>,
    joined: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Owned {
    by: Option<Member>,
    /// Its owner was asked to give it up and has not done so yet.
    leaving: bool,
}

impl Group {
    pub(crate) fn new(partitions: Partition) -> Self {
        Self { shards: vec![Owned::default(); partitions as usize], ..Self::default() }
    }

    pub(crate) fn join(&mut self, name: &str) -> Member {
        self.joined += 1;
        let member = Member(self.joined);
        self.names.insert(member, name.to_owned());
        self.members.insert(member, VecDeque::new());
        self.balance();
        member
    }

    /// The member goes by itself: its shards are free at once.
    pub(crate) fn leave(&mut self, member: Member) {
        self.members.remove(&member);
        self.free(member);
        self.balance();
    }

    /// True where a lane of this name is in the group.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.members.keys().any(|m| self.names.get(m).is_some_and(|n| n == name))
    }

    /// The shards that would come to a member if their owner were lost, or whoever has them then, up to so many losses.
    /// Each member is a process of its own. `None` while shards move.
    pub(crate) fn candidates(&self, member: Member, losses: usize) -> Option<Vec<Partition>> {
        let mut found = Vec::new();
        for (shard, owned) in (0..).zip(&self.shards) {
            let mut owner = owned.by.filter(|_| !owned.leaving)?;
            let mut group = self.clone();
            for _ in 0..losses {
                if owner == member {
                    break;
                }
                group.leave(owner);
                let Some(next) = group.shards[shard as usize].by else { break };
                owner = next;
            }
            if owner == member && owned.by != Some(member) {
                found.push(shard);
            }
        }
        Some(found)
    }

    /// The group thinks the member dead and gives its shards away. The member learns so when it asks.
    pub(crate) fn expel(&mut self, member: Member) {
        if self.members.contains_key(&member) {
            let lost = self.owned(member);
            self.leave(member);
            self.lost.insert(member, lost);
        }
    }

    /// The next thing that the member is to know.
    pub(crate) fn next(&mut self, member: Member) -> Option<Membership> {
        match self.lost.remove(&member) {
            Some(lost) => Some(Membership::Lost(lost)),
            None => self.members.get_mut(&member)?.pop_front(),
        }
    }

    /// The member has given up shards.
    pub(crate) fn release(&mut self, member: Member, shards: &[Partition]) {
        for shard in shards {
            if let Some(owned) = self.shards.get_mut(*shard as usize).filter(|s| s.by == Some(member)) {
                *owned = Owned::default();
            }
        }
        self.balance();
    }

    pub(crate) fn owns(&self, member: Member, shard: Partition) -> bool {
        self.shards.get(shard as usize).is_some_and(|s| s.by == Some(member))
    }

    pub(crate) fn offset(&self, topic: InputTopic, shard: Partition) -> Option<i64> {
        self.offsets.get(&(topic, shard)).copied()
    }

    pub(crate) fn commit(&mut self, next: &[(InputTopic, Partition, i64)]) {
        self.offsets.extend(next.iter().map(|(topic, shard, offset)| ((*topic, *shard), *offset)));
    }

    /// Forgets every offset, as a broker does with a group that was away for too long.
    pub(crate) fn forget_offsets(&mut self) {
        self.offsets.clear();
    }

    fn owned(&self, member: Member) -> Vec<Partition> {
        (0..).zip(&self.shards).filter(|(_, s)| s.by == Some(member)).map(|(p, _)| p).collect()
    }

    fn free(&mut self, member: Member) {
        for shard in self.shards.iter_mut().filter(|s| s.by == Some(member)) {
            *shard = Owned::default();
        }
    }

    /// Gives free shards to whoever has too few, and asks whoever has too many to give some up.
    fn balance(&mut self) {
        let mut staying: Vec<(usize, Member)> = self
            .members
            .keys()
            .map(|m| (self.shards.iter().filter(|s| s.by == Some(*m) && !s.leaving).count(), *m))
            .collect();
        if staying.is_empty() {
            return;
        }
        // Who has most keeps the one more that does not divide.
        staying.sort_by_key(|(count, member)| (std::cmp::Reverse(*count), *member));
        let (share, more) = (self.shards.len() / staying.len(), self.shards.len() % staying.len());
        for (i, (count, member)) in staying.into_iter().enumerate() {
            let share = share + usize::from(i < more);
            let revoked = self.revoke(member, count.saturating_sub(share));
            self.tell(member, Membership::Revoked(revoked));
            let assigned = self.assign(member, share.saturating_sub(count));
            self.tell(member, Membership::Assigned(assigned));
        }
    }

    fn revoke(&mut self, member: Member, count: usize) -> Vec<Partition> {
        let mut shards = self.owned(member);
        shards.retain(|shard| !self.shards[*shard as usize].leaving);
        let revoked = shards.split_off(shards.len().saturating_sub(count));
        for shard in &revoked {
            self.shards[*shard as usize].leaving = true;
        }
        revoked
    }

    fn assign(&mut self, member: Member, count: usize) -> Vec<Partition> {
        let mut assigned = Vec::new();
        for (i, shard) in (0..).zip(&mut self.shards).filter(|(_, s)| s.by.is_none()).take(count) {
            shard.by = Some(member);
            assigned.push(i);
        }
        assigned
    }

    fn tell(&mut self, member: Member, news: Membership) {
        let (Membership::Assigned(shards) | Membership::Revoked(shards) | Membership::Lost(shards)) = &news;
        if !shards.is_empty()
            && let Some(queue) = self.members.get_mut(&member)
        {
            queue.push_back(news);
        }
    }
}
