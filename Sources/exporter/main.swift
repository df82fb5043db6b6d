//===----------------------------------------------------------------------===//
// Quartermaster: exporter, what master does, over HTTP
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

StreamServer<Exporter>.main()
