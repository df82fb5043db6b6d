//===----------------------------------------------------------------------===//
// Quartermaster: http-answer, three bytes for every GET
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

StreamServer<HTTPAnswer>.main()
