# SPDX-License-Identifier: Apache-2.0
# One step of the CAR T cells of a place, batch by batch: propose, then resolve. See _engagement.pyx for the model.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from abm._kernels._claim cimport keep_smallest, rank_of, step_t, ticket_of
from abm._kernels._contact cimport meets_guests, touch
from abm._kernels._lattice cimport neighbour
from abm._kernels._philox cimport below, philox, to_uniform, words_t
from abm._kernels._world cimport (
    BIND, BOUND, C_LOST, C_STEPS, CONTACT, CONTACT_GUESTS, GUEST, GUESTS, KEEP, KIND_MASK, LOST, MOVE, REST, STEP, TEST,
    WIDTH, chance, high, low, world_t,
)

cdef enum:
    BATCH = 128
    SITES_OF_A_BUCKET = 64

cdef extern from *:
    void prefetch "__builtin_prefetch"(const void* address) noexcept nogil

# What a step needs of a walker, side by side in the order in which they are visited.
cdef struct walker_t:
    int64_t uid
    int32_t row
    int32_t rank          # among the walkers of this place by uid
    int32_t free_at
    int32_t site
    int32_t destination
    uint8_t product
    uint8_t is_guest
    uint8_t heading
    uint8_t action


cdef inline void line_up(
    world_t* p, const int32_t* rows, int32_t n, walker_t* walkers, int32_t* bucket, Py_ssize_t n_buckets
) noexcept nogil:
    # On a lattice by site, roughly: neighbours then share lines of the cache, and threads work apart.
    # Only the speed depends on it.
    cdef int32_t i, k, row, size, first = 0
    cdef walker_t* w
    if n_buckets:
        for i in range(n_buckets):
            bucket[i] = 0
        for i in range(n):
            bucket[p.site[rows[i]] // SITES_OF_A_BUCKET] += 1
        for i in range(n_buckets):
            size = bucket[i]
            bucket[i] = first
            first += size
    for i in range(n):
        row = rows[i]
        k = i
        if n_buckets:
            k = bucket[p.site[row] // SITES_OF_A_BUCKET]
            bucket[p.site[row] // SITES_OF_A_BUCKET] += 1
        w = &walkers[k]
        w.uid = p.uid[row]
        w.row = row
        w.rank = i
        w.free_at = p.free_at[row]
        w.site = p.site[row]
        w.product = p.product[row]
        w.is_guest = p.flags[row] & GUEST
        w.heading = p.heading[row]


cdef inline uint8_t propose_mixed(world_t* p, walker_t* w, const step_t* s, const words_t* drawn) noexcept nogil:
    # The targets of a mixed place are dealt out to its sites in turn.
    cdef const double* q = p.parameters + w.product * WIDTH
    cdef const uint8_t* is_target = p.is_target + w.product * 256
    cdef uint32_t slot
    cdef int64_t held
    if chance(low(drawn.w0), q[TEST]) and chance(high(drawn.w2), q[BIND]):
        slot = below(high(drawn.w0), p.n_virtual)
        held = slot
        while held < p.n_slots:
            if is_target[p.s_kind[p.slot_row[held]]]:
                w.destination = <int32_t>slot
                keep_smallest(&p.claim[slot], ticket_of(w.rank, s), p.shared)
                return CONTACT
            held += p.n_virtual
    return REST


cdef inline uint8_t propose(
    world_t* p, walker_t* w, const step_t* s, const words_t* drawn, int direction, int32_t there
) noexcept nogil:
    # `there` is the site that is tested, in `direction`, or -1 behind a wall.
    cdef const double* q = p.parameters + w.product * WIDTH
    cdef const uint8_t* is_target = p.is_target + w.product * 256
    cdef uint8_t contact
    if there >= 0 and is_target[p.site_code[there]]:
        contact = CONTACT if is_target[p.site_code[there] & (KIND_MASK | BOUND)] else CONTACT_GUESTS
        if chance(low(drawn.w0), q[TEST]) and chance(high(drawn.w2), q[BIND]) and (
            contact == CONTACT or meets_guests(p, w.row, there)
        ):
            w.destination = there
            keep_smallest(&p.claim[there], ticket_of(w.rank, s), p.shared)
            return contact
    if not chance(high(drawn.w1), q[KEEP]):
        w.heading = <uint8_t>direction
    if not chance(low(drawn.w1), q[MOVE]):
        return REST
    there = neighbour(w.site, w.heading, p.edge, p.step, p.wrap)
    if there < 0 or not p.is_passable[w.product * 256 + p.site_code[there]]:
        return REST
    w.destination = there
    if not w.is_guest:
        keep_smallest(&p.claim[there], ticket_of(w.rank, s), p.shared)
    return STEP


cdef inline void fetch_way(world_t* p, const walker_t* w, const words_t* drawn, int32_t there) noexcept nogil:
    # What `propose` will look at: the site that is tested, and the one ahead.
    cdef const double* q = p.parameters + w.product * WIDTH
    if there >= 0:
        prefetch(&p.site_code[there])
    if not chance(low(drawn.w1), q[MOVE]):
        return
    if chance(high(drawn.w1), q[KEEP]):
        there = neighbour(w.site, w.heading, p.edge, p.step, p.wrap)
    if there >= 0:
        prefetch(&p.site_code[there])
        prefetch(&p.claim[there])


cdef inline void propose_batch(world_t* p, walker_t* walkers, int32_t n, const step_t* s) noexcept nogil:
    cdef words_t drawn[BATCH]
    cdef walker_t* free[BATCH]
    cdef int32_t there[BATCH]
    cdef uint8_t direction[BATCH]
    cdef int n_free = 0, k
    for k in range(n):
        free[n_free] = &walkers[k]
        n_free += walkers[k].free_at <= s.now
        walkers[k].action = REST
    for k in range(n_free):
        drawn[k] = philox(p.seed, p.walk, <uint64_t>free[k].uid, <uint64_t>s.now, 0, 0)
    if p.n_virtual:
        for k in range(n_free):
            free[k].action = propose_mixed(p, free[k], s, &drawn[k])
        return
    if p.n_directions == 0:  # a lattice of one site
        return
    for k in range(n_free):
        prefetch(&p.edge[free[k].site])
    for k in range(n_free):
        direction[k] = p.direction[below(high(drawn[k].w0), <uint32_t>p.n_directions)]
        there[k] = neighbour(free[k].site, direction[k], p.edge, p.step, p.wrap)
        fetch_way(p, free[k], &drawn[k], there[k])
    for k in range(n_free):
        free[k].action = propose(p, free[k], s, &drawn[k], direction[k], there[k])


cdef inline void walk(world_t* p, walker_t* w) noexcept nogil:
    # A full cell changes places with whatever stands there; the mark of guests stays with the site.
    cdef int32_t here = w.site, there = w.destination, other = p.occupant[there]
    cdef uint8_t mine = p.site_code[here], theirs = p.site_code[there]
    cdef uint8_t home = p.home[theirs & KIND_MASK]
    p.site_code[there] = (mine & ~GUESTS) | (theirs & GUESTS)
    p.site_code[here] = (theirs & ~GUESTS) | (mine & GUESTS)
    p.occupant[there] = w.row
    p.occupant[here] = other
    w.site = there
    if home == 1:
        p.s_site[other] = here
    elif home == 2:
        p.site[other] = here


cdef inline void resolve_batch(world_t* p, walker_t* walkers, int32_t n, const step_t* s, int64_t* counts) noexcept nogil:
    cdef int32_t k
    cdef walker_t* w
    if not p.n_virtual:
        for k in range(n):
            w = &walkers[k]
            if w.action != REST:
                prefetch(&p.claim[w.destination])
                prefetch(&p.occupant[w.destination])
                prefetch(&p.site_code[w.site])
                prefetch(&p.occupant[w.site])
    for k in range(n):
        w = &walkers[k]
        if w.action == REST:
            continue
        if w.action == STEP and w.is_guest:
            w.site = w.destination
            counts[C_STEPS] += 1
        elif p.claim[w.destination] == ticket_of(w.rank, s):
            if w.action == STEP:
                walk(p, w)
                counts[C_STEPS] += 1
            else:
                touch(p, w.row, w.action, w.destination, s.now, counts)
                w.free_at = p.free_at[w.row]
        elif w.action != STEP:
            w.action |= LOST
            counts[C_LOST] += 1


cdef inline void sort(int64_t* keys, int32_t n) noexcept nogil:
    # Shell 1959: in place, for a few hundred
    cdef int32_t gap = 1, i, j
    cdef int64_t key
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            key, j = keys[i], i
            while j >= gap and keys[j - gap] > key:
                keys[j] = keys[j - gap]
                j -= gap
            keys[j] = key
        gap //= 3


cdef inline void serve_losers(
    world_t* p, const int32_t* rows, walker_t* walkers, int32_t n, const step_t* s, int64_t* losers, int64_t* counts
) noexcept nogil:
    # In the order of uid. Each is held against the winner of its site, whom the claim tells.
    cdef int32_t k, n_losers = 0, winner
    cdef walker_t* w
    cdef words_t drawn
    for k in range(n):
        if walkers[k].action & LOST:
            losers[n_losers] = (<int64_t>walkers[k].rank << 32) | k
            n_losers += 1
    sort(losers, n_losers)
    for k in range(n_losers):
        w = &walkers[<uint32_t>losers[k]]
        winner = rows[rank_of(p.claim[w.destination], s)]
        drawn = philox(p.seed, p.contact, <uint64_t>w.uid, <uint64_t>s.now, 0, 0)
        if to_uniform(drawn.w0) * <double>p.scale >= <double>p.weight[winner]:
            touch(p, w.row, w.action & ~LOST, w.destination, s.now, counts)
            w.free_at = p.free_at[w.row]
