# SPDX-License-Identifier: Apache-2.0
# What the kernel of engagement works on, for one cell at a time: see _engagement.pyx for the model.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from abm._kernels._philox cimport below

cdef enum:
    TEST, BIND, KILL, ACT, K_KILL, K_ACT, EXHAUSTION, MOVE, KEEP,
    KILL_LOW, KILL_HIGH, KILL_POINT, REFRACTORY, UNPRODUCTIVE_LOW, UNPRODUCTIVE_HIGH,
    LAG, CYCLE8, CYCLE4, ANTIGEN, FUNCTION
    WIDTH = 24

cdef enum:
    C_CONTACTS = 32, C_KILLS = 33, C_ACTIVATIONS = 34, C_DEAD = 35, C_STEPS = 36, C_LOST = 37, C_WIDTH = 64

cdef enum:
    MEMORY = 0, ACTIVATED = 1, EFFECTOR = 2, EXHAUSTED = 3, RESIDENT = 4

cdef enum:
    LOCKED = 2, GUEST = 1
    KIND_MASK = 31, BOUND = 32, GUESTS = 64
    NEVER = 2147483647

cdef enum:
    REST = 0, STEP = 1, CONTACT = 2, CONTACT_GUESTS = 3
    LOST = 128  # marks the action of a walker that lost a claim

cdef struct world_t:
    # the place
    bint shared  # whether several threads claim sites at once
    uint8_t* site_code
    int32_t* occupant
    uint32_t* claim
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
    uint16_t* engaged
    int32_t end
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
