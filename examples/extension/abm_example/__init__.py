# SPDX-License-Identifier: Apache-2.0
"""A treatment, a cell type and an observable for abm, which finds them by the entry points in pyproject.toml."""
