//===----------------------------------------------------------------------===//
// Quartermaster: tests of deeds that the kernel refused
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import MasterProtocol
import Testing

@Suite("Deeds that failed") struct FailureTests {
    private var script = Script()

    @Test("a watch that was refused is tried again until it holds")
    mutating func watch() {
        let id = script.add(ServiceRules(processLimit: 2))
        for _ in 0..<3 {
            script.act { $0.watchFailed(id, now: $1) }
            #expect(script.effects == [.startTimer(.retry(id), milliseconds: 100)])
            script.fire(.retry(id))
            #expect(script.effects == [.watchEndpoints(id)])
        }
        script.fire(.retry(id))
        #expect(script.effects.isEmpty, "nothing is owed")
    }

    @Test("without a channel no child is started and the endpoint is left alone; both come back")
    mutating func channel() {
        let id = script.add(ServiceRules(processLimit: 2))
        script.act { $0.channelFailed(id, now: $1) }
        #expect(script.effects == [.startTimer(.retry(id), milliseconds: 100), .unwatchEndpoints(id)])
        #expect(script.view(id).coverage == .noChannel)
        script.readable(id)
        #expect(script.effects.isEmpty)
        script.fire(.retry(id))
        #expect(script.effects == [.openStatusChannel(id), .watchEndpoints(id)])
    }

    @Test("a channel that is refused at the onset of stress costs the wanted child, and throttles nothing")
    mutating func channelAtStressOnset() {
        let id = script.add(ServiceRules(processLimit: 2))
        script.taken(id, script.client(id))
        script.readable(id)
        #expect(script.effects.first == .replaceStatusChannel(id))
        script.act {
            $0.channelFailed(id, now: $1)
            $0.spawnFailed(id, .noChannel, now: $1)
        }
        #expect(!script.view(id).isThrottled)
        #expect(script.view(id).coverage == .noChannel)
        script.fire(.retry(id))
        #expect(script.effects == [.openStatusChannel(id), .watchEndpoints(id)])
        #expect(script.client(id) > 0)
    }

    @Test("a removed service owes nothing")
    mutating func removed() {
        let id = script.add(ServiceRules(processLimit: 2))
        script.act { $0.watchFailed(id, now: $1) }
        script.remove(id)
        #expect(script.effects.contains(.cancelTimer(.retry(id))))
        script.fire(.retry(id))
        #expect(script.effects.isEmpty)
    }
}
