//===----------------------------------------------------------------------===//
// Quartermaster: the postlogd program
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

DatagramServer<Postlogd>.main()
