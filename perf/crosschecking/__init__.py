# ===----------------------------------------------------------------------===#
# Quartermaster: bench-accept beside wrk, ab and smtp-source on the same servers
# SPDX-License-Identifier: Apache-2.0
# ===----------------------------------------------------------------------===#
