//===----------------------------------------------------------------------===//
// Quartermaster: tests of reading status records, good ones and others
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import MasterPolicy
import MasterProtocol
import SystemCalls
import Testing

@testable import MasterDaemon

@Suite struct StatusReaderTests {
    /// One service with one process, which is pid 100, and its channel.
    private struct Scene: ~Copyable {
        var policy: Policy
        let service: ServiceID
        let generation: Generation
        let channel: StatusChannel
        var reader = StatusReader()
        let now = PolicyTime(milliseconds: 1000)

        init(processLimit: Int32 = 5) throws {
            var policy = Policy()
            let now = PolicyTime(milliseconds: 1000)
            let service = policy.addService(ServiceRules(processLimit: processLimit), now: now)
            var effects: [Effect] = []
            policy.endpointReadable(service, now: now)
            policy.handOverEffects(into: &effects)
            let spawns = effects.compactMap { effect -> Generation? in
                if case .spawn(_, let generation, _) = effect { generation } else { nil }
            }
            let generation = try #require(spawns.first)
            policy.spawned(service, pid: 100, generation: generation, now: now)
            let channel = try StatusChannel()
            (self.policy, self.service, self.generation) = (policy, service, generation)
            self.channel = channel
        }

        func write(_ bytes: [UInt8]) throws { #expect(try channel.childNumber.write(bytes) == .bytes(bytes.count)) }

        func record(_ availability: Int32, pid: Int32 = 100) -> [UInt8] {
            let report = StatusReport(pid: pid, generation: generation.rawValue, availability: availability).encoded
            return report.indices.map { report[$0] }
        }

        mutating func read() -> [StatusReader.Trouble] {
            reader.read(channel.readerNumber, of: service, into: &policy, now: now).troubles
        }

        var useCount: UInt32? { policy.view(ofChild: 100)?.useCount }
        var idle: Int32? { policy.view(of: service)?.idle }
    }

    @Test("the ends are out of the way of a child's descriptors, and the child's end blocks")
    func ends() throws {
        let channel = try StatusChannel()
        #expect(
            channel.readerNumber.rawValue >= ChildImage.lowestSource
                && channel.childNumber.rawValue >= ChildImage.lowestSource
        )
        #expect(fcntl(channel.childNumber.rawValue, F_GETFL) & O_NONBLOCK == 0)
        #expect(try channel.childNumber.option(.priority) == StatusChannelMark.socketPriority)
        #expect(fcntl(channel.childNumber.rawValue, F_GETFD) & FD_CLOEXEC != 0)
        _ = consume channel
    }

    @Test("nothing to read is no trouble")
    func nothing() throws {
        var scene = try Scene()
        #expect(scene.read() == [])
        #expect(scene.idle == 1)
    }

    @Test("TAKEN and AVAIL count")
    func reportsCount() throws {
        var scene = try Scene()
        try scene.write(scene.record(0))
        #expect(scene.read() == [])
        #expect(scene.idle == 0)
        try scene.write(scene.record(1))
        #expect(scene.read() == [])
        #expect(scene.idle == 1)
        #expect(scene.useCount == 1)
    }

    @Test("many records are read at once")
    func manyRecords() throws {
        var scene = try Scene()
        // More than one buffer of the reader holds, and fewer than the channel does.
        for _ in 0..<60 { try scene.write(scene.record(0) + scene.record(1)) }
        #expect(scene.read() == [])
        #expect(scene.useCount == 60)
        #expect(try !scene.channel.readerNumber.waitForInput(milliseconds: 0))
    }

    @Test("records beyond one buffer are read too")
    func beyondBuffer() throws {
        var scene = try Scene()
        let pair = scene.record(0) + scene.record(1)
        let all = (0..<700).flatMap { _ in pair }
        try scene.write(all)
        #expect(scene.read() == [])
        #expect(scene.useCount == 700)
    }

    @Test("a piece of a record is named and dropped")
    func piece() throws {
        var scene = try Scene()
        try scene.write(Array(scene.record(0).prefix(7)))
        #expect(scene.read() == [.garbage(byteCount: 7, pid: 100)])
        #expect(scene.idle == 1)
        try scene.write(scene.record(0))
        #expect(scene.read() == [], "the next record is read from its start")
        #expect(scene.idle == 0)
    }

    @Test("garbage in front of a record does not hide it")
    func garbageInFront() throws {
        var scene = try Scene()
        try scene.write([1, 2, 3, 4, 5] + scene.record(0))
        #expect(scene.read() == [.garbage(byteCount: 5, pid: 0x0403_0201)])
        #expect(scene.idle == 0)
    }

    @Test("too little for a pid is garbage without one")
    func tooLittle() throws {
        var scene = try Scene()
        try scene.write([9, 9])
        #expect(scene.read() == [.garbage(byteCount: 2, pid: nil)])
    }

    @Test("the end of the channel is told, after what was said before")
    func endOfChannel() throws {
        let pair = try makeSocketPair()
        var scene = try Scene()
        let number = pair.first.number
        let report = scene.record(0)
        _ = try pair.second.number.write(report)
        let onlyReader = pair.keepingFirst()
        let first = scene.reader.read(number, of: scene.service, into: &scene.policy, now: scene.now)
        #expect(first == StatusReader.Found(reports: 1), "what was said before counts")
        #expect(scene.idle == 0)
        // A child that another test is just starting shares the other end until its exec.
        #expect(try number.waitForInput(milliseconds: 90_000))
        let second = scene.reader.read(number, of: scene.service, into: &scene.policy, now: scene.now)
        #expect(second == StatusReader.Found(isAtEnd: true))
        _ = consume onlyReader
    }

    @Test("an error is told")
    func readError() async {
        await #expect(processExitsWith: .success) {
            var scene = try Scene()
            try scene.write(scene.record(0))
            FaultPlan.fail(.recv, with: .ioError)
            #expect(scene.read() == [.readFailed(SystemError(.recv, .ioError))])
            FaultPlan.clear()
            #expect(scene.read() == [])
            #expect(scene.idle == 0, "and read the next time")
        }
    }
}
