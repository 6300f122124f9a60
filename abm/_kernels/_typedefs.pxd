# SPDX-License-Identifier: Apache-2.0
# The C types of the package, and when to use which. Widths are fixed: what is stored must not
# depend on the platform.
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

ctypedef uint8_t kind_t      # cell type, site code, small enumerations
ctypedef int32_t row_t       # row of a table; -1 for none
ctypedef int32_t site_t      # site of a lattice; -1 for none
ctypedef int32_t tick_t      # absolute time in ticks of 15 s (2 years are 4.2e6)
ctypedef int64_t uid_t       # identity of a cell
ctypedef int64_t weight_t    # body cells; float32 would stop counting at 1.7e7
ctypedef float real_t        # densities and fields
