//===----------------------------------------------------------------------===//
// Quartermaster: test-service, services that do on demand what a skeleton has to cope with
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

/// The last argument, `serve=<kind>`, chooses the service.
switch CommandLine.arguments.last {
case "serve=flow": StreamServer<FlowService>.main()
case "serve=blocking": BlockingStreamServer<BlockingService>.main()
case "serve=blocking-crowd": BlockingStreamServer<BlockingCrowdService>.main()
case "serve=blocking-introductions": BlockingStreamServer<BlockingIntroductionService>.main()
case "serve=datagrams": DatagramServer<DatagramCounter>.main()
case "serve=udp-echo": DatagramServer<DatagramEcho>.main()
case "serve=udp-large": DatagramServer<LargeDatagramEcho>.main()
case "serve=retiring": StreamServer<RetiringService>.main()
case "serve=table": StreamServer<TableService>.main()
case "serve=lean-events": EventServer<LeanEventService>.main()
case "serve=events": EventServer<EventLineService>.main()
case "serve=lean-single": SingleServer<LeanSingle>.main()
case "serve=lean-trigger": TriggerServer<LeanTrigger>.main()
case "serve=triggers-joined": TriggerServer<JoinedTriggerLog>.main()
case .some(let last) where last.hasPrefix("serve=single"): SingleServer<SingleConversations>.main()
case .some(let last) where last.hasPrefix("serve=trigger"): TriggerServer<TriggerLog>.main()
default: StreamServer<LineService>.main()
}
