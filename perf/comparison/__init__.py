# ===----------------------------------------------------------------------===#
# Quartermaster: what measuring the whole system from outside consists of
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
