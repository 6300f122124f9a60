# SPDX-License-Identifier: Apache-2.0
# Walks and contacts of CAR T cells, minute by minute.
#
# Design
# ------
# Model       A free cell tests one random neighbour (chance `test` a minute). On a site with target
#             antigen it makes contact; otherwise it may step along its heading, which it keeps with
#             chance `keep` and else turns to the neighbour just tested (a persistent random walk).
#             A step enters a void or exchanges places with a cell that is no target. Of a contact
#             with antigen density a,
#                 P(kill) = function(state) * kill * a^2 / (a^2 + K_kill^2)
#                 P(activate) =               act  * a^2 / (a^2 + K_act^2).
#             A kill binds the cell for `kill_duration` and leaves it refractory; a contact without
#             kill takes `unproductive_duration`.
# Weights     A cell stands for w of S body cells. Every unlocked target on the site, full or guest,
#             is tested; the CAR T cell's side of a contact (time, activation, exhaustion) happens
#             with chance w_target / S, the target's side with w_CAR / S. Both: the target is locked
#             and dies at `kill_point` of the binding. Target's side only: it dies at once. CAR T
#             cell's side only: a ghost synapse, the target lives unlocked. With S = 1 both sides
#             always happen.
#             Where two agents want to touch one site in the same step, they are in each other's way
#             in as many body cells as both stand for there: the loser has its contact all the same with
#             chance 1 - v / S, after the winner, of weight v; never after a full cell. (Of several losers
#             each is held against the winner alone.)
# Mixed place Without a lattice a test meets one of `n_virtual` sites at random, over which the targets
#             are dealt in turn: the same contact law at the same target fraction, also where light
#             agents are more than sites. A kill there is at once (minutes do not matter where nobody
#             stands still).
# Source      Contact law and durations: Cazaux 2019, Thibaut 2020; density: Majzner 2018, 2020.
# Races       Propose, then resolve. Pass 1 reads sites and writes only the cell's own row, and the
#             smallest ticket into claim[destination] (an atomic minimum: the result does not depend
#             on the order). Pass 2: the one winner of a site is the only cell that writes to it, to
#             the target rows on it, and to its own origin, which nobody else writes to: a site that
#             holds a CAR T cell cannot be entered, and a contact with guests on it reads and writes
#             guests only. A ticket is a bijection, keyed by the tick, of the cell's rank by uid, so
#             there are no ties. Its upper bits fall from step to step, so that older ones always lose;
#             when they have run down, the claims are cleared.
#             Kills that fall due are worked off before pass 1 in one thread: they are few; so are
#             contacts of those that lost against an agent that is not full, after pass 2.
# Order       Draws are keyed by (uid, tick): neither rows nor threads matter. Guests are tested in
#             the order of uid.
# Cost        One Philox block a free cell and minute, two more a contact. Cells stand all over the
#             lattice, so that the time goes in waiting for memory: they are served in batches whose
#             sites are fetched ahead.
from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from abm._kernels._contact cimport meets_guests, touch, work_off
from abm._kernels._lattice cimport neighbour
from abm._kernels._philox cimport below, philox, to_uniform, words_t
from abm._kernels._world cimport (
    BIND, BOUND, C_STEPS, CONTACT, CONTACT_GUESTS, GUEST, GUESTS, KEEP, KIND_MASK, MOVE, REST, STEP, TEST, WIDTH,
    chance, high, low, world_t,
)

# Streams are passed in; layout of one product's parameters:
PARAMETERS = (
    "test", "bind", "kill", "act", "kill_density", "act_density", "exhaustion", "move", "keep",
    "kill_low", "kill_high", "kill_point", "refractory", "unproductive_low", "unproductive_high",
    "lag", "cycle_cd8", "cycle_cd4", "antigen",
    "function_memory", "function_activated", "function_effector", "function_exhausted", "function_resident",
)
N_PARAMETERS = len(PARAMETERS)
COUNTS = ("contacts", "kill_contacts", "activations", "dead_rows", "steps")
KIND_SLOTS = 32
N_COUNTS = 64  # a cache line or more per thread: no false sharing

MOST_WALKERS = 1 << 26

cdef enum:
    RANK_BITS = 26
    EPOCHS = 64      # steps between two clearings of the claims: what is left of 32 bits
    BATCH = 128
    LOST = 128       # marks the action of a walker that lost a claim

cdef extern from *:
    """
    #ifndef ABM_CLAIM
    #define ABM_CLAIM
    #include <stdint.h>
    static inline void abm_claim(uint32_t *claim, uint32_t ticket, int shared) {
        uint32_t now = __atomic_load_n(claim, __ATOMIC_RELAXED);
        if (!shared) {
            if (ticket < now) *claim = ticket;
            return;
        }
        while (ticket < now &&
               !__atomic_compare_exchange_n(claim, &now, ticket, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        }
    }
    #endif
    """
    void keep_smallest "abm_claim"(uint32_t* claim, uint32_t ticket, int shared) noexcept nogil
    void prefetch "__builtin_prefetch"(const void* address) noexcept nogil

# The step that is under way: when, and what scrambles its tickets.
cdef struct step_t:
    int32_t now
    uint32_t epoch
    uint32_t key
    uint32_t odd


cdef inline uint32_t ticket_of(Py_ssize_t rank, const step_t* s) noexcept nogil:
    cdef uint32_t mask = (<uint32_t>1 << RANK_BITS) - 1
    cdef uint32_t x = (<uint32_t>rank ^ s.key) & mask
    x = (x * s.odd) & mask
    x ^= x >> 13
    x = (x * <uint32_t>0x9E3779B1) & mask
    x ^= x >> 13
    return (s.epoch << RANK_BITS) | x


cdef inline uint8_t propose_mixed(world_t* p, int32_t row, uint32_t ticket, words_t* w, int32_t* destination) noexcept nogil:
    # The targets of a mixed place are dealt out to its sites in turn.
    cdef const double* q = p.parameters + p.product[row] * WIDTH
    cdef const uint8_t* is_target = p.is_target + p.product[row] * 256
    cdef uint32_t slot = below(high(w.w0), p.n_virtual)
    cdef int64_t held = slot
    if chance(low(w.w0), q[TEST]) and chance(high(w.w2), q[BIND]):
        while held < p.n_slots:
            if is_target[p.s_kind[p.slot_row[held]]]:
                destination[0] = <int32_t>slot
                keep_smallest(&p.claim[slot], ticket, p.shared)
                return CONTACT
            held += p.n_virtual
    return REST


cdef inline uint8_t propose(
    world_t* p, int32_t row, uint32_t ticket, words_t* w, int direction, int32_t there, int32_t* destination
) noexcept nogil:
    # `there` is the site that is tested, in `direction`, or -1 behind a wall.
    cdef const double* q = p.parameters + p.product[row] * WIDTH
    cdef const uint8_t* is_target = p.is_target + p.product[row] * 256
    cdef uint8_t contact
    if there >= 0 and is_target[p.site_code[there]]:
        contact = CONTACT if is_target[p.site_code[there] & (KIND_MASK | BOUND)] else CONTACT_GUESTS
        if chance(low(w.w0), q[TEST]) and chance(high(w.w2), q[BIND]) and (
            contact == CONTACT or meets_guests(p, row, there)
        ):
            destination[0] = there
            keep_smallest(&p.claim[there], ticket, p.shared)
            return contact
    if not chance(high(w.w1), q[KEEP]):
        p.heading[row] = <uint8_t>direction
    if not chance(low(w.w1), q[MOVE]):
        return REST
    there = neighbour(p.site[row], p.heading[row], p.edge, p.step, p.wrap)
    if there < 0 or not p.is_passable[p.product[row] * 256 + p.site_code[there]]:
        return REST
    destination[0] = there
    if not p.flags[row] & GUEST:
        keep_smallest(&p.claim[there], ticket, p.shared)
    return STEP


cdef inline void fetch_way(world_t* p, int32_t row, const words_t* w, int32_t there) noexcept nogil:
    # What `propose` will look at: the site that is tested, and the one ahead.
    cdef const double* q = p.parameters + p.product[row] * WIDTH
    if there >= 0:
        prefetch(&p.site_code[there])
    if not chance(low(w.w1), q[MOVE]):
        return
    if chance(high(w.w1), q[KEEP]):
        there = neighbour(p.site[row], p.heading[row], p.edge, p.step, p.wrap)
    if there >= 0:
        prefetch(&p.site_code[there])
        prefetch(&p.claim[there])


cdef void propose_batch(
    world_t* p, const int32_t* walkers, Py_ssize_t first, Py_ssize_t last, const step_t* s, uint8_t* action,
    int32_t* destination
) noexcept nogil:
    cdef words_t drawn[BATCH]
    cdef int32_t free[BATCH]
    cdef int32_t there[BATCH]
    cdef uint8_t direction[BATCH]
    cdef const int32_t* free_at = p.free_at
    cdef const int32_t* site = p.site
    cdef Py_ssize_t i
    cdef int n_free = 0, k
    for i in range(first, last):
        free[n_free] = <int32_t>i
        n_free += free_at[walkers[i]] <= s.now
        action[i] = REST
    for k in range(n_free):
        drawn[k] = philox(p.seed, p.walk, <uint64_t>p.uid[walkers[free[k]]], <uint64_t>s.now, 0, 0)
    if p.n_virtual:
        for k in range(n_free):
            i = free[k]
            action[i] = propose_mixed(p, walkers[i], ticket_of(i, s), &drawn[k], &destination[i])
        return
    if p.n_directions == 0:  # a lattice of one site
        return
    for k in range(n_free):
        prefetch(&p.edge[site[walkers[free[k]]]])
    for k in range(n_free):
        direction[k] = p.direction[below(high(drawn[k].w0), <uint32_t>p.n_directions)]
        there[k] = neighbour(site[walkers[free[k]]], direction[k], p.edge, p.step, p.wrap)
        fetch_way(p, walkers[free[k]], &drawn[k], there[k])
    for k in range(n_free):
        i = free[k]
        action[i] = propose(p, walkers[i], ticket_of(i, s), &drawn[k], direction[k], there[k], &destination[i])


cdef inline void walk(world_t* p, int32_t row, int32_t there) noexcept nogil:
    # A full cell changes places with whatever stands there; the mark of guests stays with the site.
    cdef int32_t here = p.site[row], other = p.occupant[there]
    cdef uint8_t mine = p.site_code[here], theirs = p.site_code[there]
    cdef uint8_t home = p.home[theirs & KIND_MASK]
    p.site_code[there] = (mine & ~GUESTS) | (theirs & GUESTS)
    p.site_code[here] = (theirs & ~GUESTS) | (mine & GUESTS)
    p.occupant[there] = row
    p.occupant[here] = other
    p.site[row] = there
    if home == 1:
        p.s_site[other] = here
    elif home == 2:
        p.site[other] = here


cdef void resolve_batch(
    world_t* p, const int32_t* walkers, Py_ssize_t first, Py_ssize_t last, const step_t* s, const uint8_t* action,
    const int32_t* destination, int64_t* counts
) noexcept nogil:
    cdef Py_ssize_t i
    cdef int32_t row, there
    if not p.n_virtual:
        for i in range(first, last):
            if action[i] != REST:
                there = destination[i]
                prefetch(&p.claim[there])
                prefetch(&p.occupant[there])
                prefetch(&p.site_code[p.site[walkers[i]]])
                prefetch(&p.occupant[p.site[walkers[i]]])
    for i in range(first, last):
        if action[i] == REST:
            continue
        row = walkers[i]
        there = destination[i]
        if action[i] == STEP and p.flags[row] & GUEST:
            p.site[row] = there
            counts[C_STEPS] += 1
        elif p.claim[there] == ticket_of(i, s):
            if action[i] == STEP:
                walk(p, row, there)
                counts[C_STEPS] += 1
            else:
                touch(p, row, action[i], there, s.now, counts)


cdef void serve_losers(
    world_t* p, const int32_t* walkers, Py_ssize_t n, const step_t* s, uint8_t* action, const int32_t* destination,
    int64_t* counts
) noexcept nogil:
    # In the order of uid. The claims have been settled, so that those of the winners can tell their ranks.
    cdef uint32_t mask = (<uint32_t>1 << RANK_BITS) - 1
    cdef Py_ssize_t i, n_losers = 0
    cdef int32_t row, there, winner
    cdef words_t w
    for i in range(n):
        if action[i] >= CONTACT and p.claim[destination[i]] != ticket_of(i, s):
            action[i] |= LOST
            n_losers += 1
    if n_losers == 0:
        return
    for i in range(n):
        row = walkers[i]
        if CONTACT <= action[i] < LOST or (action[i] == STEP and p.site[row] == destination[i] and not p.flags[row] & GUEST):
            p.claim[destination[i]] = (s.epoch << RANK_BITS) | <uint32_t>i
    for i in range(n):
        if action[i] < LOST:
            continue
        row = walkers[i]
        there = destination[i]
        winner = walkers[p.claim[there] & mask]
        w = philox(p.seed, p.contact, <uint64_t>p.uid[row], <uint64_t>s.now, 0, 0)
        if to_uniform(w.w0) * <double>p.scale >= <double>p.weight[winner]:
            touch(p, row, action[i] & ~LOST, there, s.now, counts)


def run_steps(
    *,
    # the place: lattice, or mixed with n_virtual > 0 and empty lattice arrays
    uint8_t[::1] site_code,               # INOUT (n_sites,) kind and marks
    int32_t[::1] occupant,                # INOUT (n_sites,) row or -1
    uint32_t[::1] claim,                  # INOUT (n_sites,) or (min(n_slots, n_virtual),) scratch; carries nothing over
    int64_t[::1] claim_block,             # INOUT (1,) steps for which the claims hold; -1 if they are not clear
    const uint8_t[::1] edge,              # IN (n_sites,) directions that leave the lattice
    const int32_t[::1] step,              # IN (6,) site offset per direction
    const int32_t[::1] wrap,              # IN (6,) offset across a periodic boundary, 0 at a wall
    const uint8_t[::1] direction,         # IN (n_directions,) directions in use
    uint32_t n_virtual,                   # IN virtual sites of a mixed place, 0 for a lattice
    const int32_t[::1] slot_row,          # IN (n_slots,) sessile rows of the targets of a mixed place, by uid
    const int32_t[::1] guest_site,        # IN (n_guests,) sites of guests, by site then uid
    const int32_t[::1] guest_row,         # IN (n_guests,) their sessile rows
    int64_t scale,                        # IN body cells per site-filling cell
    # CAR T cells
    const int32_t[::1] walkers,           # IN (n,) motile rows of the CAR T cells of this place, by uid
    const int64_t[::1] uid,               # IN (n_motile,)
    const int64_t[::1] weight,            # IN (n_motile,) [cells]
    int32_t[::1] site,                    # INOUT (n_motile,)
    uint8_t[::1] state,                   # INOUT (n_motile,) programme
    const uint8_t[::1] subset,            # IN (n_motile,) 4 or 8
    const uint8_t[::1] product,           # IN (n_motile,) row of `parameters`
    const uint8_t[::1] flags,             # IN (n_motile,)
    uint8_t[::1] heading,                 # INOUT (n_motile,)
    const uint8_t[::1] divisions,         # IN (n_motile,)
    const uint8_t[::1] budget,            # IN (n_motile,)
    int32_t[::1] free_at,                 # INOUT (n_motile,) [tick]
    int32_t[::1] kill_at,                 # INOUT (n_motile,) [tick]
    int32_t[::1] divide_at,               # INOUT (n_motile,) [tick]
    int32_t[::1] contact_site,            # INOUT (n_motile,)
    int64_t[::1] partner,                 # INOUT (n_motile,) uid
    uint16_t[::1] engaged,                # INOUT (n_motile,) ticks spent in contact, or refractory, added up
    # cells that sit
    const int64_t[::1] s_uid,             # IN (n_sessile,)
    const int64_t[::1] s_weight,          # IN (n_sessile,) [cells]
    int32_t[::1] s_site,                  # INOUT (n_sessile,)
    uint8_t[::1] s_kind,                  # INOUT (n_sessile,) 0 when killed
    uint8_t[::1] s_flags,                 # INOUT (n_sessile,)
    const float[::1] s_cd19,              # IN (n_sessile,) [molecules]
    const float[::1] s_cd22,              # IN (n_sessile,) [molecules]
    # parameters
    const double[:, ::1] parameters,      # IN (n_products + 1, N_PARAMETERS) times in ticks
    const uint8_t[:, ::1] is_target,      # IN (n_products + 1, 256) by site code
    const uint8_t[:, ::1] is_passable,    # IN (n_products + 1, 256) by site code
    const uint8_t[::1] home,              # IN (32,) by kind: 1 sessile, 2 motile, 0 neither
    uint64_t seed, uint64_t walk_stream, uint64_t contact_stream, uint64_t claim_stream,
    int32_t tick, int32_t step_ticks, int n_steps,
    uint8_t[::1] action,                  # OUT (n,) scratch
    int32_t[::1] destination,             # OUT (n,) scratch
    int64_t[:, ::1] counts,               # INOUT (n_threads, N_COUNTS) killed body cells by kind, then COUNTS
    int32_t[::1] killer,                  # OUT (n or 0,) motile rows whose bound target died
    int32_t[::1] killed_site,             # OUT (n or 0,) and where; these sites stay marked as bound
    int n_threads,
):
    """Run ``n_steps`` steps of ``step_ticks`` from ``tick``; return the number of ``killer`` entries."""
    cdef world_t p
    cdef step_t s
    cdef Py_ssize_t n = walkers.shape[0], n_batches = (n + BATCH - 1) // BATCH, i
    cdef int32_t row, there
    cdef int k
    cdef int64_t recorded = 0, capacity = killer.shape[0], block
    cdef bint any_light = False
    cdef words_t w
    if n == 0:
        return 0
    if n > MOST_WALKERS:
        raise OverflowError(f"at most {MOST_WALKERS} CAR T cells in one place, got {n}")
    p.shared = n_threads > 1
    p.site_code = &site_code[0] if site_code.shape[0] else NULL
    p.occupant = &occupant[0] if occupant.shape[0] else NULL
    p.claim = &claim[0] if claim.shape[0] else NULL
    p.edge = &edge[0] if edge.shape[0] else NULL
    p.step = &step[0] if step.shape[0] else NULL
    p.wrap = &wrap[0] if wrap.shape[0] else NULL
    p.direction = &direction[0] if direction.shape[0] else NULL
    p.n_directions = <int>direction.shape[0]
    p.n_virtual = n_virtual
    p.slot_row = &slot_row[0] if slot_row.shape[0] else NULL
    p.n_slots = <int32_t>slot_row.shape[0]
    p.guest_site = &guest_site[0] if guest_site.shape[0] else NULL
    p.guest_row = &guest_row[0] if guest_row.shape[0] else NULL
    p.n_guests = <int32_t>guest_site.shape[0]
    p.scale = scale
    p.uid = &uid[0]
    p.weight = &weight[0]
    p.site = &site[0]
    p.state = &state[0]
    p.subset = &subset[0]
    p.product = &product[0]
    p.flags = &flags[0]
    p.heading = &heading[0]
    p.divisions = &divisions[0]
    p.budget = &budget[0]
    p.free_at = &free_at[0]
    p.kill_at = &kill_at[0]
    p.divide_at = &divide_at[0]
    p.contact_site = &contact_site[0]
    p.partner = &partner[0]
    p.engaged = &engaged[0]
    p.end = tick + n_steps * step_ticks
    p.s_uid = &s_uid[0] if s_uid.shape[0] else NULL
    p.s_weight = &s_weight[0] if s_uid.shape[0] else NULL
    p.s_site = &s_site[0] if s_uid.shape[0] else NULL
    p.s_kind = &s_kind[0] if s_uid.shape[0] else NULL
    p.s_flags = &s_flags[0] if s_uid.shape[0] else NULL
    p.s_cd19 = &s_cd19[0] if s_uid.shape[0] else NULL
    p.s_cd22 = &s_cd22[0] if s_uid.shape[0] else NULL
    p.parameters = &parameters[0, 0]
    p.is_target = &is_target[0, 0]
    p.is_passable = &is_passable[0, 0]
    p.home = &home[0]
    p.seed = seed
    p.walk = walk_stream
    p.contact = contact_stream
    with nogil:
        for i in range(n):
            row = walkers[i]
            engaged[row] += <uint16_t>max(min(free_at[row], p.end) - tick, 0)
            any_light |= weight[row] < scale
        for k in range(n_steps):
            s.now = tick + k * step_ticks
            block = s.now // (<int64_t>step_ticks * EPOCHS)
            s.epoch = <uint32_t>(EPOCHS - 1 - (s.now // step_ticks) % EPOCHS)
            if block != claim_block[0] and claim.shape[0]:
                memset(p.claim, 255, claim.shape[0] * sizeof(uint32_t))
            claim_block[0] = block
            w = philox(seed, claim_stream, 0, <uint64_t>s.now, 0, 0)
            s.key, s.odd = <uint32_t>w.w0, <uint32_t>w.w1 | 1
            for i in range(n):
                row = walkers[i]
                if kill_at[row] <= s.now:
                    there = contact_site[row]
                    work_off(&p, row, &counts[0, 0])
                    if recorded < capacity:
                        killer[recorded] = row
                        killed_site[recorded] = there
                        site_code[there] |= BOUND
                        recorded += 1
            for i in prange(n_batches, num_threads=n_threads, schedule="static"):
                propose_batch(&p, &walkers[0], i * BATCH, min((i + 1) * BATCH, n), &s, &action[0], &destination[0])
            for i in prange(n_batches, num_threads=n_threads, schedule="static"):
                resolve_batch(
                    &p, &walkers[0], i * BATCH, min((i + 1) * BATCH, n), &s, &action[0], &destination[0],
                    &counts[threadid(), 0],
                )
            if any_light:
                serve_losers(&p, &walkers[0], n, &s, &action[0], &destination[0], &counts[0, 0])
    return recorded
