//! Where the group's protocol would put the shards of a process that is lost: as librdkafka's cooperative-sticky assignor
//! does (`rdkafka_sticky_assignor.c`). What nobody owns goes, in descending order of its number, to the member with the
//! fewest partitions, and among equals to the one whose id comes first; where no member owns anything, in ascending order.
//! Whoever stays keeps what it has.

use std::collections::BTreeSet;

use dunning_engine::Partition;

/// A member and what it owns.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) id: String,
    /// What all members of one process have in common: they are lost together.
    pub(crate) process: String,
    pub(crate) owned: Vec<Partition>,
}

/// The process of a client: the name that [`Bus`](super::Bus) gives its members, without the lane.
pub(crate) fn process_of(client: &str) -> &str {
    match client.rsplit_once('-') {
        Some((process, lane)) if !lane.is_empty() && lane.bytes().all(|b| b.is_ascii_digit()) => process,
        _ => client,
    }
}

/// The shards of other processes that would come to the member `own` if their owner's process were lost; with more than
/// one `standby`, also if then the process were lost that has them by that time, and so on.
pub(crate) fn candidates(seats: &[Seat], partitions: u32, own: &str, standby: usize) -> Vec<Partition> {
    let Some(me) = seats.iter().find(|s| s.id == own) else { return Vec::new() };
    let processes: BTreeSet<&str> = seats.iter().filter(|s| s.process != me.process).map(|s| &*s.process).collect();
    let mut found = BTreeSet::new();
    for process in processes {
        let of: Vec<Partition> =
            seats.iter().filter(|s| s.process == process).flat_map(|s| s.owned.iter().copied()).collect();
        follow(seats, partitions, own, process, &of, standby, &mut found);
    }
    found.into_iter().collect()
}

/// Loses a process, sees where its shards `of` go, and goes on with each that did not come to `own`.
fn follow(
    seats: &[Seat],
    partitions: u32,
    own: &str,
    lost: &str,
    of: &[Partition],
    standby: usize,
    found: &mut BTreeSet<Partition>,
) {
    if standby == 0 || of.is_empty() {
        return;
    }
    let seats = lose(seats, partitions, lost);
    let Some(me) = seats.iter().find(|s| s.id == own) else { return };
    found.extend(of.iter().filter(|p| me.owned.contains(p)));
    let next: BTreeSet<&str> = seats.iter().filter(|s| s.process != me.process).map(|s| &*s.process).collect();
    for process in next {
        let owns = |p: &&Partition| seats.iter().any(|s| s.process == process && s.owned.contains(p));
        let of: Vec<Partition> = of.iter().filter(owns).copied().collect();
        follow(&seats, partitions, own, process, &of, standby - 1, found);
    }
}

/// The members that are left when a process is lost, with what they own then.
fn lose(seats: &[Seat], partitions: u32, lost: &str) -> Vec<Seat> {
    let mut left: Vec<Seat> = seats.iter().filter(|s| s.process != lost).cloned().collect();
    let owned: BTreeSet<Partition> = left.iter().flat_map(|s| s.owned.iter().copied()).collect();
    let mut free: Vec<Partition> = (0..partitions).filter(|p| !owned.contains(p)).collect();
    // The assignor walks over its table of partitions, newest entry first, unless it has to sort all of them.
    if !owned.is_empty() {
        free.reverse();
    }
    for partition in free {
        let least = left.iter_mut().min_by(|a, b| (a.owned.len(), &a.id).cmp(&(b.owned.len(), &b.id)));
        if let Some(seat) = least {
            seat.owned.push(partition);
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a0:0,2` is lane 0 of process a with the shards 0 and 2.
    fn seats(text: &str) -> Vec<Seat> {
        text.split(' ')
            .map(|word| {
                let (id, owned) = word.split_once(':').expect("a member and its shards");
                let owned = owned.split(',').filter(|n| !n.is_empty()).map(|n| n.parse().expect("a number")).collect();
                Seat { id: id.to_owned(), process: id[..1].to_owned(), owned }
            })
            .collect()
    }

    #[test]
    fn standbys_are_where_shards_would_go() {
        for (group, partitions, own, standby, wanted) in [
            // The only other process takes all.
            ("a0:0,1 b0:2,3", 4, "b0", 1, &[0, 1][..]),
            ("a0:0,1 b0:2,3", 4, "a0", 1, &[2, 3]),
            // Lanes of one process are lost together, and share what comes.
            ("a0:0,1 a1:2,3 b0:4,5 b1:6,7", 8, "b0", 1, &[1, 3]),
            ("a0:0,1 a1:2,3 b0:4,5 b1:6,7", 8, "b1", 1, &[0, 2]),
            // The least loaded first.
            ("a0:0,1,2 b0:3,4,5 c0:6,7", 8, "c0", 1, &[0, 2, 3, 5]),
            ("a0:0,1,2 b0:3,4,5 c0:6,7", 8, "b0", 1, &[1, 6]),
            // A second standby: who has it after the first successor is lost as well.
            ("a0:0 b0:1 c0:2", 3, "c0", 1, &[]),
            ("a0:0 b0:1 c0:2", 3, "c0", 2, &[0, 1]),
            // Whoever has nothing yet takes it, in ascending order.
            ("a0:0,1,2 b0: b1:", 3, "b0", 1, &[0, 2]),
            ("a0:0,1,2 b0: b1:", 3, "b1", 1, &[1]),
            // Nobody else, nothing wanted, not in the group.
            ("a0:0,1 a1:2,3", 4, "a1", 1, &[]),
            ("a0:0,1 b0:2,3", 4, "b0", 0, &[]),
            ("a0:0,1 b0:2,3", 4, "c0", 1, &[]),
        ] {
            assert_eq!(candidates(&seats(group), partitions, own, standby), wanted, "{own} of {group}, {standby}");
        }
    }

    #[test]
    fn every_shard_has_as_many_standbys_as_there_are_other_processes() {
        let group = seats("a0:0,1,2 a1:3,4 b0:5,6 b1:7,8,9 c0:10,11 c1:12,13");
        for standby in 1..=3 {
            let mut counts = [0; 14];
            for seat in &group {
                candidates(&group, 14, &seat.id, standby).iter().for_each(|p| counts[*p as usize] += 1);
            }
            assert_eq!(counts, [standby.min(2); 14]);
        }
    }

    #[test]
    fn a_process_is_its_clients_name_without_the_lane() {
        for (client, process) in
            [("dunning-pod-1-0", "dunning-pod-1"), ("dunning-a-12", "dunning-a"), ("rdkafka", "rdkafka"), ("a-", "a-")]
        {
            assert_eq!(process_of(client), process);
        }
    }
}
