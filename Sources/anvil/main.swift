//===----------------------------------------------------------------------===//
// Quartermaster: the anvil program
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

StreamServer<Anvil>.main()
