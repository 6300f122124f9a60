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
# Mixed place Without a lattice a test meets one of `n_virtual` sites at random, the first of which
#             hold the targets, one each: the same contact law at the same target fraction. A kill
#             there is at once (minutes do not matter where nobody stands still).
# Source      Contact law and durations: Cazaux 2019, Thibaut 2020; density: Majzner 2018, 2020.
# Races       Propose, then resolve. Pass 1 reads sites and writes only the cell's own row, and the
#             smallest ticket into claim[destination] (an atomic minimum: the result does not depend
#             on the order). Pass 2: the one winner of a site is the only cell that writes to it, to
#             the target rows on it, and to its own origin, which nobody else writes to: a site that
#             holds a CAR T cell cannot be entered, and a contact with guests on it reads and writes
#             guests only. A ticket is a bijection of the uid keyed by the tick, so there are no ties.
#             Tickets carry the tick in their upper bits, so that older ones always lose and the
#             claims are never cleared.
#             Kills that fall due are worked off before pass 1 in one thread: they are few.
# Order       Draws are keyed by (uid, tick): neither rows nor threads matter. Guests are tested in
#             the order of uid.
# Cost        One Philox block a free cell and minute, two more a contact.
from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from abm._kernels._lattice cimport neighbour
from abm._kernels._philox cimport below, philox, to_uniform, words_t

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

cdef enum:
    TEST, BIND, KILL, ACT, K_KILL, K_ACT, EXHAUSTION, MOVE, KEEP,
    KILL_LOW, KILL_HIGH, KILL_POINT, REFRACTORY, UNPRODUCTIVE_LOW, UNPRODUCTIVE_HIGH,
    LAG, CYCLE8, CYCLE4, ANTIGEN, FUNCTION
    WIDTH = 24

cdef enum:
    C_CONTACTS = 32, C_KILLS = 33, C_ACTIVATIONS = 34, C_DEAD = 35, C_STEPS = 36, C_WIDTH = 64

cdef enum:
    MEMORY = 0, ACTIVATED = 1, EFFECTOR = 2, EXHAUSTED = 3, RESIDENT = 4

cdef enum:
    LOCKED = 2, GUEST = 1
    KIND_MASK = 31, BOUND = 32, GUESTS = 64
    NEVER = 2147483647

cdef enum:
    REST = 0, STEP = 1, CONTACT = 2, CONTACT_GUESTS = 3

cdef extern from *:
    """
    #ifndef ABM_CLAIM
    #define ABM_CLAIM
    #include <stdint.h>
    static inline void abm_claim(uint64_t *claim, uint64_t ticket) {
        uint64_t now = __atomic_load_n(claim, __ATOMIC_RELAXED);
        while (ticket < now &&
               !__atomic_compare_exchange_n(claim, &now, ticket, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        }
    }
    #endif
    """
    void atomic_min "abm_claim"(uint64_t* claim, uint64_t ticket) noexcept nogil

cdef struct world_t:
    # the place
    uint8_t* site_code
    int32_t* occupant
    uint64_t* claim
    const uint8_t* edge
    const int32_t* step
    const int32_t* wrap
    const uint8_t* direction
    int n_directions
    uint32_t n_virtual
    const int32_t* slot_row
    int32_t n_slots
    const int32_t* guest_site
    const int32_t* guest_row
    int32_t n_guests
    int64_t scale
    # CAR T cells
    const int64_t* uid
    const int64_t* weight
    int32_t* site
    uint8_t* state
    const uint8_t* subset
    const uint8_t* product
    const uint8_t* flags
    uint8_t* heading
    const uint8_t* divisions
    const uint8_t* budget
    int32_t* free_at
    int32_t* kill_at
    int32_t* divide_at
    int32_t* contact_site
    int64_t* partner
    # cells that sit
    const int64_t* s_uid
    const int64_t* s_weight
    int32_t* s_site
    uint8_t* s_kind
    uint8_t* s_flags
    const float* s_cd19
    const float* s_cd22
    # parameters by product, look-up by product and site code
    const double* parameters
    const uint8_t* is_target
    const uint8_t* is_passable
    const uint8_t* home
    uint64_t seed
    uint64_t walk
    uint64_t contact


cdef inline uint64_t ticket_of(int64_t uid, uint64_t key, uint64_t odd, int32_t tick) noexcept nogil:
    # 24 bits that fall with time, then a bijection of the 40 low bits of the uid.
    cdef uint64_t mask = (<uint64_t>1 << 40) - 1
    cdef uint64_t x = (<uint64_t>uid ^ key) & mask
    x = (x * (odd | 1)) & mask
    x ^= x >> 20
    x = (x * <uint64_t>0x9E3779B97F) & mask
    x ^= x >> 20
    return ((<uint64_t>0xFFFFFF - <uint64_t>tick) << 40) | x


cdef inline bint chance(uint32_t w, double p) noexcept nogil:
    return <double>w < p * 4294967296.0


cdef inline uint32_t high(uint64_t w) noexcept nogil:
    return <uint32_t>(w >> 32)


cdef inline uint32_t low(uint64_t w) noexcept nogil:
    return <uint32_t>w


cdef inline int32_t duration(double shortest, double longest, uint64_t w) noexcept nogil:
    # whole ticks, uniform from shortest to longest
    cdef uint32_t span = <uint32_t>(longest - shortest)
    return <int32_t>shortest + <int32_t>below(high(w), span + 1)


cdef inline void die(world_t* p, int32_t row, bint on_lattice, int64_t* counts) noexcept nogil:
    cdef int32_t site = p.s_site[row]
    counts[p.s_kind[row]] += p.s_weight[row]
    counts[C_DEAD] += 1
    if on_lattice and not p.s_flags[row] & GUEST:
        p.site_code[site] &= GUESTS
        p.occupant[site] = -1
    p.s_kind[row] = 0


cdef inline int32_t first_guest(world_t* p, int32_t site) noexcept nogil:
    cdef int32_t left = 0, right = p.n_guests, middle
    while left < right:
        middle = (left + right) >> 1
        if p.guest_site[middle] < site:
            left = middle + 1
        else:
            right = middle
    return left


cdef inline void work_off(world_t* p, int32_t row, int64_t* counts) noexcept nogil:
    # the bound target dies; it is the occupant of the contact site, or a guest there
    cdef int32_t site = p.contact_site[row], target = p.occupant[site], i
    if target < 0 or not p.site_code[site] & BOUND or p.s_uid[target] != p.partner[row]:
        i = first_guest(p, site)
        target = -1
        while i < p.n_guests and p.guest_site[i] == site:
            if p.s_uid[p.guest_row[i]] == p.partner[row] and p.s_kind[p.guest_row[i]] != 0:
                target = p.guest_row[i]
            i += 1
    if target >= 0:
        die(p, target, True, counts)
    p.kill_at[row] = NEVER
    p.contact_site[row] = -1
    p.partner[row] = -1


cdef inline void activate(world_t* p, int32_t row, int32_t tick, const double* q) noexcept nogil:
    cdef uint8_t state = p.state[row]
    cdef int32_t cycle = <int32_t>(q[CYCLE4] if p.subset[row] == 4 else q[CYCLE8])
    if state == RESIDENT:
        if p.divide_at[row] == NEVER:
            p.divide_at[row] = tick + cycle
        return
    if state != MEMORY and state != EFFECTOR:
        return
    if p.divisions[row] >= p.budget[row]:
        p.state[row] = EXHAUSTED
        return
    p.state[row] = ACTIVATED
    p.divide_at[row] = tick + (<int32_t>q[LAG] if state == MEMORY else cycle)


cdef inline int32_t meet(
    world_t* p, int32_t row, int32_t target, int32_t nth, int32_t tick, bint on_lattice, int64_t* counts
) noexcept nogil:
    # One target of a contact; returns the ticks for which the CAR T cell is busy with it.
    cdef const double* q = p.parameters + p.product[row] * WIDTH
    cdef words_t w = philox(p.seed, p.contact, <uint64_t>p.uid[row], <uint64_t>tick, 1 + nth, 0)
    cdef words_t v
    cdef double a = p.s_cd19[target], b = p.s_cd22[target], squared
    cdef double weight = <double>p.weight[row], target_weight = <double>p.s_weight[target], scale = <double>p.scale
    cdef bint kills, activates, car_side, target_side
    cdef int32_t busy
    if q[ANTIGEN] == 1 or (q[ANTIGEN] == 2 and b > a):
        a = b
    squared = a * a
    kills = to_uniform(w.w0) < q[FUNCTION + p.state[row]] * q[KILL] * squared / (squared + q[K_KILL] * q[K_KILL])
    activates = to_uniform(w.w1) < q[ACT] * squared / (squared + q[K_ACT] * q[K_ACT])
    car_side = to_uniform(w.w2) * scale < target_weight
    target_side = kills and to_uniform(w.w3) * scale < weight
    if not car_side:
        if target_side:
            die(p, target, on_lattice, counts)
        return 0
    v = philox(p.seed, p.contact, <uint64_t>p.uid[row], <uint64_t>tick, 1 + nth, 1)
    counts[C_CONTACTS] += 1
    if kills:
        counts[C_KILLS] += 1
        busy = duration(q[KILL_LOW], q[KILL_HIGH], v.w1)
        if target_side:
            if on_lattice and p.partner[row] < 0:
                p.s_flags[target] |= LOCKED
                if not p.s_flags[target] & GUEST:
                    p.site_code[p.s_site[target]] |= BOUND
                p.partner[row] = p.s_uid[target]
                p.contact_site[row] = p.s_site[target]
                p.kill_at[row] = tick + <int32_t>(q[KILL_POINT] * busy)
            else:
                die(p, target, on_lattice, counts)
        busy += <int32_t>q[REFRACTORY]
    else:
        busy = duration(q[UNPRODUCTIVE_LOW], q[UNPRODUCTIVE_HIGH], v.w1)
    if activates:
        counts[C_ACTIVATIONS] += 1
        activate(p, row, tick, q)
    if kills and to_uniform(v.w0) < q[EXHAUSTION] and p.state[row] != RESIDENT:
        p.state[row] = EXHAUSTED
        p.divide_at[row] = NEVER
    return busy


cdef inline void touch(
    world_t* p, int32_t row, uint8_t action, int32_t site, int32_t tick, int64_t* counts
) noexcept nogil:
    # A contact with everything that can be a target on a site, or with one slot of a mixed place.
    # Whether the full cell is one was seen in pass 1: by now a CAR T cell that stood here may have
    # changed places with a cell that is no target of its own product, but one of this.
    cdef int32_t busy = 0, nth = 0, i, target
    cdef bint on_lattice = p.n_virtual == 0
    if not on_lattice:
        target = p.slot_row[site]
        if p.s_kind[target] != 0:
            busy = meet(p, row, target, 0, tick, False, counts)
    else:
        if action == CONTACT:
            busy += meet(p, row, p.occupant[site], nth, tick, True, counts)
            nth += 1
        if p.site_code[site] & GUESTS:
            i = first_guest(p, site)
            while i < p.n_guests and p.guest_site[i] == site:
                target = p.guest_row[i]
                if p.is_target[p.product[row] * 256 + p.s_kind[target]] and not p.s_flags[target] & LOCKED:
                    busy += meet(p, row, target, nth, tick, True, counts)
                    nth += 1
                i += 1
    if busy > 0:
        p.free_at[row] = tick + busy


cdef inline uint8_t propose(
    world_t* p, int32_t row, int32_t tick, uint64_t key, uint64_t odd, int32_t* destination
) noexcept nogil:
    cdef const double* q = p.parameters + p.product[row] * WIDTH
    cdef words_t w = philox(p.seed, p.walk, <uint64_t>p.uid[row], <uint64_t>tick, 0, 0)
    cdef int direction
    cdef int32_t there
    cdef uint32_t slot
    cdef const uint8_t* is_target = p.is_target + p.product[row] * 256
    if p.n_virtual:
        slot = below(high(w.w0), p.n_virtual)
        if slot < <uint32_t>p.n_slots and chance(low(w.w0), q[TEST]) and chance(high(w.w2), q[BIND]):
            if is_target[p.s_kind[p.slot_row[slot]]]:
                destination[0] = <int32_t>slot
                atomic_min(&p.claim[slot], ticket_of(p.uid[row], key, odd, tick))
                return CONTACT
        return REST
    if p.n_directions == 0:  # a lattice of one site
        return REST
    direction = p.direction[below(high(w.w0), <uint32_t>p.n_directions)]
    there = neighbour(p.site[row], direction, p.edge, p.step, p.wrap)
    if there >= 0 and is_target[p.site_code[there]]:
        if chance(low(w.w0), q[TEST]) and chance(high(w.w2), q[BIND]):
            destination[0] = there
            atomic_min(&p.claim[there], ticket_of(p.uid[row], key, odd, tick))
            return CONTACT if is_target[p.site_code[there] & (KIND_MASK | BOUND)] else CONTACT_GUESTS
    if not chance(high(w.w1), q[KEEP]):
        p.heading[row] = <uint8_t>direction
    if not chance(low(w.w1), q[MOVE]):
        return REST
    there = neighbour(p.site[row], p.heading[row], p.edge, p.step, p.wrap)
    if there < 0 or not p.is_passable[p.product[row] * 256 + p.site_code[there]]:
        return REST
    destination[0] = there
    if not p.flags[row] & GUEST:
        atomic_min(&p.claim[there], ticket_of(p.uid[row], key, odd, tick))
    return STEP


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


cdef inline void resolve(
    world_t* p, int32_t row, uint8_t action, int32_t there, int32_t tick, uint64_t key, uint64_t odd, int64_t* counts
) noexcept nogil:
    if action == STEP and p.flags[row] & GUEST:
        p.site[row] = there
        counts[C_STEPS] += 1
        return
    if p.claim[there] != ticket_of(p.uid[row], key, odd, tick):
        return
    if action == STEP:
        walk(p, row, there)
        counts[C_STEPS] += 1
    else:
        touch(p, row, action, there, tick, counts)


def run_steps(
    *,
    # the place: lattice, or mixed with n_virtual > 0 and empty lattice arrays
    uint8_t[::1] site_code,               # INOUT (n_sites,) kind and marks
    int32_t[::1] occupant,                # INOUT (n_sites,) row or -1
    uint64_t[::1] claim,                  # INOUT (n_sites,) or (n_slots,) scratch; carries nothing over
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
    const int32_t[::1] walkers,           # IN (n,) motile rows of the CAR T cells of this place
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
    cdef Py_ssize_t n = walkers.shape[0], i
    cdef int32_t row, now, there
    cdef int k
    cdef int64_t recorded = 0, capacity = killer.shape[0]
    cdef words_t w
    cdef uint64_t key, odd
    if n == 0:
        return 0
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
        for k in range(n_steps):
            now = tick + k * step_ticks
            w = philox(seed, claim_stream, 0, <uint64_t>now, 0, 0)
            key, odd = w.w0, w.w1
            for i in range(n):
                row = walkers[i]
                if kill_at[row] <= now:
                    there = contact_site[row]
                    work_off(&p, row, &counts[0, 0])
                    if recorded < capacity:
                        killer[recorded] = row
                        killed_site[recorded] = there
                        site_code[there] |= BOUND
                        recorded += 1
            for i in prange(n, num_threads=n_threads, schedule="static"):
                if free_at[walkers[i]] <= now:
                    action[i] = propose(&p, walkers[i], now, key, odd, &destination[i])
                else:
                    action[i] = REST
            for i in prange(n, num_threads=n_threads, schedule="static"):
                if action[i] != REST:
                    resolve(&p, walkers[i], action[i], destination[i], now, key, odd, &counts[threadid(), 0])
    return recorded
