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
#             guests only. Tickets: see _claim.pxd.
#             Kills that fall due are worked off before pass 1 in one thread: they are few; so are
#             contacts of those that lost against an agent that is not full, after pass 2.
# Order       Draws are keyed by (uid, tick): neither rows nor threads matter. Guests are tested in
#             the order of uid.
# Cost        One Philox block a free cell and minute, two more a contact. Cells stand all over the
#             lattice, so that the time goes in waiting for memory: what a step needs of them is copied
#             once a call into records in the order of sites, roughly, and these are served in batches
#             whose sites are fetched ahead.
from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from abm._kernels._claim cimport RANKS, begin_step, step_t
from abm._kernels._contact cimport work_off
from abm._kernels._walkers cimport (
    BATCH, SITES_OF_A_BUCKET, line_up, propose_batch, resolve_batch, serve_losers, walker_t,
)
from abm._kernels._world cimport BOUND, C_LOST, world_t

# Streams are passed in; layout of one product's parameters:
PARAMETERS = (
    "test", "bind", "kill", "act", "kill_density", "act_density", "exhaustion", "move", "keep",
    "kill_low", "kill_high", "kill_point", "refractory", "unproductive_low", "unproductive_high",
    "lag", "cycle_cd8", "cycle_cd4", "antigen",
    "function_memory", "function_activated", "function_effector", "function_exhausted", "function_resident",
)
N_PARAMETERS = len(PARAMETERS)
COUNTS = ("contacts", "kill_contacts", "activations", "dead_rows", "steps", "lost_claims")
KIND_SLOTS = 32
N_COUNTS = 64  # a cache line or more per thread: no false sharing

MOST_WALKERS = RANKS
WALKER_BYTES = sizeof(walker_t)
BUCKET_SITES = SITES_OF_A_BUCKET


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
    uint8_t[::1] lined_up,                # OUT (n * WALKER_BYTES,) scratch
    int64_t[::1] losers,                  # OUT (n,) scratch
    int32_t[::1] bucket,                  # OUT (n_sites // BUCKET_SITES + 1,) scratch, none for a mixed place
    int64_t[:, ::1] counts,               # INOUT (n_threads, N_COUNTS) killed body cells by kind, then COUNTS
    int32_t[::1] killer,                  # OUT (n or 0,) motile rows whose bound target died
    int32_t[::1] killed_site,             # OUT (n or 0,) and where; these sites stay marked as bound
    int n_threads,
):
    """Run ``n_steps`` steps of ``step_ticks`` from ``tick``; return the number of ``killer`` entries."""
    cdef world_t p
    cdef step_t s
    if walkers.shape[0] == 0:
        return 0
    if walkers.shape[0] > MOST_WALKERS:
        raise OverflowError(f"at most {MOST_WALKERS} CAR T cells in one place, got {walkers.shape[0]}")
    cdef int32_t n = <int32_t>walkers.shape[0], n_batches = (n + BATCH - 1) // BATCH, i, row, there
    cdef walker_t* line = <walker_t*>&lined_up[0]
    cdef int k
    cdef int64_t recorded = 0, capacity = killer.shape[0], lost, lost_before = 0
    cdef bint any_light = False
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
        line_up(&p, &walkers[0], n, line, &bucket[0] if bucket.shape[0] else NULL, bucket.shape[0])
        for i in range(n):
            row = walkers[i]
            engaged[row] += <uint16_t>max(min(free_at[row], p.end) - tick, 0)
            any_light |= weight[row] < scale
        for k in range(n_steps):
            begin_step(&s, tick + k * step_ticks, step_ticks, seed, claim_stream, p.claim, claim.shape[0], &claim_block[0])
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
                propose_batch(&p, line + i * BATCH, min(BATCH, n - i * BATCH), &s)
            for i in prange(n_batches, num_threads=n_threads, schedule="static"):
                resolve_batch(&p, line + i * BATCH, min(BATCH, n - i * BATCH), &s, &counts[threadid(), 0])
            lost = 0
            for i in range(counts.shape[0]):
                lost += counts[i, C_LOST]
            if any_light and lost > lost_before:
                serve_losers(&p, &walkers[0], line, n, &s, &losers[0], &counts[0, 0])
            lost_before = lost
        for i in range(n):
            site[line[i].row] = line[i].site
            heading[line[i].row] = line[i].heading
    return recorded
