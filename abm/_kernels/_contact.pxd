# SPDX-License-Identifier: Apache-2.0
# Contacts of one CAR T cell, and what becomes of both sides: see _engagement.pyx for the model.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint64_t

from abm._kernels._philox cimport philox, to_uniform, words_t
from abm._kernels._world cimport (
    ACT, ACTIVATED, ANTIGEN, BOUND, C_ACTIVATIONS, C_CONTACTS, C_DEAD, C_KILLS, CONTACT, CYCLE4, CYCLE8,
    EFFECTOR, EXHAUSTED, EXHAUSTION, FUNCTION, GUEST, GUESTS, K_ACT, K_KILL, KILL, KILL_HIGH, KILL_LOW,
    KILL_POINT, KIND_MASK, LAG, LOCKED, MEMORY, NEVER, REFRACTORY, RESIDENT, UNPRODUCTIVE_HIGH, UNPRODUCTIVE_LOW, WIDTH,
    duration, world_t,
)


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


cdef inline bint can_meet(world_t* p, int32_t row, int32_t target) noexcept nogil:
    return p.is_target[p.product[row] * 256 + p.s_kind[target]] and not p.s_flags[target] & LOCKED


cdef inline bint meets_guests(world_t* p, int32_t row, int32_t site) noexcept nogil:
    # The mark of a site says that guests stand there, not whether this product knows them.
    cdef int32_t i = first_guest(p, site)
    while i < p.n_guests and p.guest_site[i] == site:
        if can_meet(p, row, p.guest_row[i]):
            return True
        i += 1
    return False


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
    # changed places with a cell that is no target of its own product, but one of this; or an agent
    # that was here first may have bound or killed it.
    cdef int32_t busy = 0, nth = 0, i, target
    cdef int64_t slot
    cdef bint on_lattice = p.n_virtual == 0
    cdef const uint8_t* is_target = p.is_target + p.product[row] * 256
    if not on_lattice:
        slot = site
        while slot < p.n_slots:
            target = p.slot_row[slot]
            if is_target[p.s_kind[target]]:
                busy += meet(p, row, target, nth, tick, False, counts)
                nth += 1
            slot += p.n_virtual
    else:
        if action == CONTACT and is_target[p.site_code[site] & (KIND_MASK | BOUND)]:
            busy += meet(p, row, p.occupant[site], nth, tick, True, counts)
            nth += 1
        if p.site_code[site] & GUESTS:
            i = first_guest(p, site)
            while i < p.n_guests and p.guest_site[i] == site:
                target = p.guest_row[i]
                if can_meet(p, row, target):
                    busy += meet(p, row, target, nth, tick, True, counts)
                    nth += 1
                i += 1
    if busy > 0:
        p.free_at[row] = tick + busy
        p.engaged[row] += <uint16_t>min(busy, p.end - tick)
