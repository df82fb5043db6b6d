//===----------------------------------------------------------------------===//
// Quartermaster: master, the process manager: a drop-in for Postfix's master(8)
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterDaemon

MasterMain.main()
