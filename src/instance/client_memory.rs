//! How much memory clients take, and who has to go when it is too much (`maxmemory-clients`).

use super::clients::{Client, ClientFlag, Clients, Transport};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

impl Client {
    /// Bytes of memory that the client takes: its buffers, and what is known of it.
    pub fn memory_bytes(&self) -> usize {
        let counters = &self.counters;
        let buffers = [
            &counters.connection_bytes,
            &counters.query_buffer_bytes,
            &counters.query_buffer_free_bytes,
            &counters.output_buffer_bytes,
            &counters.output_pieces_bytes,
            &counters.fieldset_bytes,
            &counters.mail_bytes,
            &counters.queued_bytes,
            &counters.watched_bytes,
            &counters.subscription_bytes,
        ];
        let buffers: usize = buffers.into_iter().map(|bytes| bytes.load(Relaxed)).sum();
        size_of::<Client>() + self.text_bytes() + buffers
    }

    /// Whether the client has to go when clients take too much memory.
    fn may_be_evicted(&self) -> bool {
        !self.has_flag(ClientFlag::NoEvict) && !self.has_flag(ClientFlag::Replica)
    }
}

impl Clients {
    /// Bytes of memory that all clients take together. O(n).
    pub fn memory_bytes(&self) -> usize {
        self.all().iter().map(|client| client.memory_bytes()).sum()
    }

    /// How many bytes all clients together may take; 0 is no limit.
    pub fn memory_limit(&self) -> u64 {
        self.memory_limit.load(Relaxed)
    }

    /// Sets [`Clients::memory_limit`] for the next [`Clients::evict`].
    pub fn set_memory_limit(&self, bytes: u64) {
        self.memory_limit.store(bytes, Relaxed);
    }

    /// Those who count against the limit, with the bytes that each takes. O(n).
    fn counted(&self) -> impl Iterator<Item = (usize, Arc<Client>)> {
        let all = self.all().into_iter();
        all.filter(|client| client.address.transport != Transport::Embedded && !client.is_killed())
            .map(|client| (client.memory_bytes(), client))
    }

    /// Bytes and number of those who may be evicted, by how many binary digits the bytes of each have.
    pub fn evictable_by_size(&self) -> [(usize, usize); usize::BITS as usize + 1] {
        let mut sizes = [(0, 0); usize::BITS as usize + 1];
        for (bytes, _) in self.counted().filter(|(_, client)| client.may_be_evicted()) {
            let (sum, count) = &mut sizes[(usize::BITS - bytes.leading_zeros()) as usize];
            *sum += bytes;
            *count += 1;
        }
        sizes
    }

    /// Closes those who take most memory until the others together keep to the limit; returns how
    /// many. Nothing to do without a limit, else O(n log n).
    pub fn evict(&self) -> usize {
        let limit = self.memory_limit();
        if limit == 0 {
            return 0;
        }
        let mut sized: Vec<_> = self.counted().collect();
        let mut sum: usize = sized.iter().map(|(bytes, _)| bytes).sum();
        if sum as u64 <= limit {
            return 0;
        }
        sized.sort_unstable_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        let mut evicted = 0;
        for (bytes, client) in sized.into_iter().filter(|(_, client)| client.may_be_evicted()) {
            if sum as u64 <= limit {
                break;
            }
            tracing::info!(client = client.id, bytes, "Evicting client");
            client.kill();
            sum -= bytes;
            evicted += 1;
        }
        evicted
    }
}

/// For how long the largest buffers are remembered, s.
const RECENT_S: u64 = 8;

/// The largest buffers that clients had of late.
#[derive(Debug, Default)]
pub struct RecentBuffers(Mutex<[Second; RECENT_S as usize]>);

/// The largest buffers of one second.
#[derive(Debug, Default, Clone, Copy)]
struct Second {
    /// Since the Unix epoch.
    at_s: u64,
    input_bytes: usize,
    output_bytes: usize,
}

impl RecentBuffers {
    /// Takes note of a client's buffers, bytes.
    pub fn note(&self, now_s: u64, input_bytes: usize, output_bytes: usize) {
        let second = &mut self.0.lock()[(now_s % RECENT_S) as usize];
        if second.at_s != now_s {
            *second = Second { at_s: now_s, ..Second::default() };
        }
        second.input_bytes = second.input_bytes.max(input_bytes);
        second.output_bytes = second.output_bytes.max(output_bytes);
    }

    /// The largest buffer for input and the largest one for output, bytes.
    pub fn largest(&self, now_s: u64) -> (usize, usize) {
        let seconds = self.0.lock();
        let recent = seconds.iter().filter(|second| second.at_s.saturating_add(RECENT_S) > now_s);
        recent.fold((0, 0), |(input, output), second| {
            (input.max(second.input_bytes), output.max(second.output_bytes))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::clients::ClientAddress;

    fn client(clients: &Clients, bytes: usize) -> Arc<Client> {
        let address = ClientAddress { transport: Transport::Tcp, ..ClientAddress::embedded() };
        let client = clients.register(address, 0);
        client.counters.output_pieces_bytes.store(bytes, Relaxed);
        client
    }

    #[test]
    fn the_largest_go_first_and_no_more_than_needed() {
        let clients = Clients::default();
        let embedded = clients.register(ClientAddress::embedded(), 0);
        embedded.counters.output_buffer_bytes.store(1 << 30, Relaxed);
        let small = client(&clients, 10 << 20);
        let large = client(&clients, 50 << 20);
        let middle = client(&clients, 30 << 20);
        let protected = client(&clients, 90 << 20);
        protected.set_flag(ClientFlag::NoEvict, true);
        assert_eq!(clients.evict(), 0, "there is no limit");
        clients.set_memory_limit(200 << 20);
        assert_eq!(clients.evict(), 0, "they keep to the limit");
        let sizes = clients.evictable_by_size();
        assert_eq!(sizes.iter().map(|(_, count)| count).sum::<usize>(), 3);
        assert!(sizes[24].1 == 1 && sizes[25].1 == 1 && sizes[26].1 == 1 && sizes[26].0 >= 50 << 20);
        clients.set_memory_limit(135 << 20);
        assert_eq!(clients.evict(), 1);
        assert!(large.is_killed());
        assert_eq!(clients.evict(), 0, "who is about to go does not count");
        clients.set_memory_limit(95 << 20);
        assert_eq!(clients.evict(), 2);
        assert!(middle.is_killed() && small.is_killed());
        clients.set_memory_limit(1);
        assert_eq!(clients.evict(), 0);
        assert!(!protected.is_killed() && !embedded.is_killed());
    }

    #[test]
    fn large_buffers_are_forgotten_after_a_while() {
        let recent = RecentBuffers::default();
        assert_eq!(recent.largest(1_000_000), (0, 0));
        recent.note(1_000_000, 10, 500);
        recent.note(1_000_000, 100, 5);
        recent.note(1_000_003, 50, 600);
        assert_eq!(recent.largest(1_000_003), (100, 600));
        assert_eq!(recent.largest(1_000_008), (50, 600));
        assert_eq!(recent.largest(1_000_011), (0, 0));
        recent.note(1_000_016, 7, 7);
        assert_eq!(recent.largest(1_000_016), (7, 7));
    }
}
