//===----------------------------------------------------------------------===//
// Quartermaster: a client for which the kernel has no memory at a bad moment
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton
import ServiceTesting
import SystemCalls
import Testing

#if DEBUG
struct ShortageTests {
    @Test("a client that could not be watched when it came, and takes its greeting late, is heard")
    func greetedUnwatched() async {
        await #expect(processExitsWith: .success) {
            let tester = try ServiceTester(stream: Preacher.self)
            FaultPlan.fail(.epollControl, with: .noMemory)
            let client = try tester.connect()
            // By then that is tried again.
            try tester.advance(seconds: 2)
            #expect(tester.log.contains { $0.contains("watch client: Cannot allocate memory -- trying again") })
            #expect(try client.received(count: Preacher.sermon).utf8.count == Preacher.sermon)
            try client.send("amen\n")
            #expect(try client.received() == "amen\n")
        }
    }
}
#endif

/// Greets with more than the kernel takes at once, and says each request again.
private struct Preacher: StreamService {
    static let sermon = 1_000_000
    static let maximumReplySize = sermon

    init(_ context: inout ServiceContext) {}

    mutating func clientArrived(_ client: Client, reply: inout Reply) {
        for _ in 0..<Self.sermon / 10 { reply.append("be nice: \n") }
    }

    mutating func received(_ input: RawSpan, from client: inout Void, reply: inout Reply) -> Int {
        reply.append(input)
        return input.byteCount
    }
}
