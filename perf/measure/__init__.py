# ===----------------------------------------------------------------------===#
# Quartermaster: what flamegraph, syscalls, memory and scale share
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
