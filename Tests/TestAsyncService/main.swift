//===----------------------------------------------------------------------===//
// Quartermaster: test-async-service, async services that do on demand what there is to cope with
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import AsyncServices

/// The last argument, `serve=<kind>`, chooses the service.
switch CommandLine.arguments.last {
case "serve=polite": AsyncServer<PoliteService>.main()
case "serve=driver": AsyncServer<DrivingService>.main()
case "serve=frames": AsyncServer<FrameService>.main()
case "serve=measured": AsyncServer<MeasuredService>.main()
case "serve=retiring": AsyncServer<RetiringService>.main()
default: AsyncServer<CommandService>.main()
}
