//===----------------------------------------------------------------------===//
// Quartermaster: a server that a test moves
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import MasterConfig
package import MasterProtocol
import Synchronization
package import SystemCalls
import WorkerPage

/// Stands in for master, for the kernel's clock, and for whoever starts a process, so that a server runs in a test as
/// it does under master: the same code, with a clock that the test moves. Where the server would sleep, it says so and
/// waits for the test's word.
///
/// One thread runs the server, and another one the test; they share this object's socket pair, and a flag for a server
/// that has always something to do.
package final class TestConductor {
    /// The test's word to a server that has nothing to do.
    package enum Word: Equatable {
        /// Look again.
        case goOn
        case advance(milliseconds: Int64)
        /// Master is gone.
        case leave
        /// SIGTERM.
        case terminate
        /// It has lived for the time of `-r`.
        case retire
        /// The test is over: the server ends as it is.
        case abandon

        private static let (leaving, terminating, retiring, abandoning): (Int64, Int64, Int64, Int64) = (-1, -2, -3, -4)

        var number: Int64 {
            switch self {
            case .goOn: 0
            case .advance(let milliseconds): max(milliseconds, 0)
            case .leave: Self.leaving
            case .terminate: Self.terminating
            case .retire: Self.retiring
            case .abandon: Self.abandoning
            }
        }

        init(_ number: Int64) {
            switch number {
            case 0: self = .goOn
            case 1...: self = .advance(milliseconds: number)
            case Self.leaving: self = .leave
            case Self.terminating: self = .terminate
            case Self.retiring: self = .retire
            default: self = .abandon
            }
        }
    }

    /// What a server says that has nothing to do.
    package struct Quiet: Equatable {
        /// Milliseconds until the next timer; nil without one.
        package let nextTimer: Int64?
        /// How long the service wants to sleep at most; nil for no limit.
        package let wish: Int64?
    }

    package let settings: [String: String]
    package let arguments: [String]
    package let transport: Transport
    private let endpointSocket: Descriptor
    private let log: Descriptor
    private let ends: DescriptorPair
    private let isAbandoned = Atomic<Bool>(false)

    package init(
        settings: [String: String],
        arguments: [String],
        transport: Transport,
        endpoint: consuming Descriptor,
        log: consuming Descriptor
    ) throws(SystemError) {
        self.settings = settings
        self.arguments = arguments
        self.transport = transport
        endpointSocket = endpoint
        self.log = log
        ends = try makeSocketPair()
        for number in [ends.first.number, ends.second.number] { try number.setNonBlocking(false) }
    }

    package var endpoint: DescriptorNumber { endpointSocket.number }
    package var logFile: DescriptorNumber { log.number }

    // MARK: the server's side

    private var serverEnd: DescriptorNumber { ends.second.number }

    /// Nothing is to be done: what the test says then.
    func wait(_ quiet: Quiet) -> Word {
        Self.put([quiet.nextTimer ?? -1, quiet.wish ?? -1], serverEnd)
        return Word(Self.take(1, serverEnd)?[0] ?? Word.abandon.number)
    }

    /// The test is over, and does not wait for the server to say that it has nothing to do.
    var isOver: Bool { isAbandoned.load(ordering: .relaxed) }

    /// The server has ended: no word is heard any more.
    func ended() { Self.put([-2, -2], serverEnd) }

    /// What `startServer` does, without a process of one's own.
    func start<S: Service & ~Copyable>(_ type: S.Type) -> StartedServer<S> {
        try? Signal.pipe.ignore()
        let name = "test"
        let log = Log(ident: "test/\(name)", host: nil, destination: .openFile(logFile), waits: false)
        // The process ends with a fatal message: whoever looks at the test should see why.
        log.witness = .standardError
        var context = context(name, log)
        for parameter in S.parameters { parameter.check(in: &context) }
        let watchdogLimit = S.watchdogLimit.map { context.value(of: $0) }
        let prepared = S.prepare(&context)
        let service = S(&context, prepared: prepared)
        let circumstances = Circumstances(
            log: log,
            serviceName: name,
            parent: .foreign,
            generation: .none,
            transport: transport,
            socketCount: 0,
            useLimit: context.useLimit,
            idleLimit: context.idleLimit,
            retirementSeconds: nil,
            ipcTimeoutMilliseconds: LoopTime.milliseconds(ofSeconds: max(context.clientTimeout, 1)),
            inFlowDelayMilliseconds: 0,
            transferSize: context.transferSize,
            unsentLimit: context.unsentLimit,
            watchdogSeconds: watchdogLimit ?? context.settings.daemonTimeout,
            meters: context.meters,
            conductor: self
        )
        return StartedServer(circumstances: circumstances, service: service, lock: nil, counts: WorkerRow())
    }

    private func context(_ name: String, _ log: Log) -> ServiceContext {
        var dictionary = MainDictionary()
        dictionary.set("compatibility_level", "3.6")
        for setting in settings { dictionary.set(setting.key, setting.value) }
        let host = HostFacts(hostName: "test.example", processName: name, serviceName: name)
        var problems: [ConfigProblem] = []
        let evaluated = MainSettings.evaluate(&dictionary, host: host, problems: &problems)
        report(problems, log)
        return ServiceContext(
            settings: evaluated,
            dictionary: dictionary,
            serviceName: name,
            processName: name,
            arguments: arguments,
            isOneShot: false,
            log: ServiceLog(log)
        )
    }

    // MARK: the test's side

    private var testEnd: DescriptorNumber { ends.first.number }

    /// What the server says next, if it says something in time.
    package enum News: Equatable { case quiet(Quiet), ended, nothing }

    package func news(within milliseconds: Int32) -> News {
        guard (try? testEnd.waitForInput(milliseconds: milliseconds)) == true, let numbers = Self.take(2, testEnd)
        else {
            return .nothing
        }
        if numbers[0] == -2 { return .ended }
        return .quiet(Quiet(nextTimer: numbers[0] < 0 ? nil : numbers[0], wish: numbers[1] < 0 ? nil : numbers[1]))
    }

    package func say(_ word: Word) {
        if word == .abandon { isAbandoned.store(true, ordering: .relaxed) }
        Self.put([word.number], testEnd)
    }

    // MARK: numbers on a socket

    private static func put(_ numbers: [Int64], _ number: DescriptorNumber) {
        var bytes: [UInt8] = []
        for value in numbers { for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * shift))) } }
        _ = try? number.send(bytes, waiting: true)
    }

    /// Each is written as a whole, and is small enough to be read as a whole.
    private static func take(_ count: Int, _ number: DescriptorNumber) -> [Int64]? {
        guard let bytes = try? number.read(atMost: count * 8), bytes.count == count * 8 else { return nil }
        return (0..<count).map { index in
            (0..<8).reduce(Int64(0)) { $0 | Int64(bytes[index * 8 + $1]) << (8 * $1) }
        }
    }
}

extension ChildLife {
    /// A turn of a server that a test moves: what is there is collected, and where there is nothing, the test says what
    /// comes next.
    mutating func turn(_ limit: Int64?, _ conductor: TestConductor) throws(SystemError) {
        try loop.turn(waitingAtMost: 0)
        if conductor.isOver { return stage = .leaving(.abandoned) }
        if loop.hasNext || limit == 0 { return }
        switch conductor.wait(TestConductor.Quiet(nextTimer: loop.millisecondsToNextTimer, wish: limit)) {
        case .goOn: break
        case .advance(let milliseconds): loop.advance(milliseconds: milliseconds)
        case .leave: isToLeave(.masterGone)
        case .terminate: stage = .leaving(.terminated)
        case .retire: isToLeave(.timeToRetire)
        case .abandon: stage = .leaving(.abandoned)
        }
        try loop.turn(waitingAtMost: 0)
    }
}

// What `main()` does, without the end of the process.

extension StreamServer where S: ~Copyable {
    package static func serve(_ conductor: TestConductor) {
        do {
            var server = StreamServer(conductor.start(S.self))
            server.run()
            server.service.willExit()
        }
        // Its clients are disconnected by then.
        conductor.ended()
    }
}

extension EventServer where S: ~Copyable {
    package static func serve(_ conductor: TestConductor) {
        do {
            var server = EventServer(conductor.start(S.self))
            server.run()
            server.service.willExit()
        }
        // Its clients are disconnected by then.
        conductor.ended()
    }
}

extension DatagramServer where S: ~Copyable {
    package static func serve(_ conductor: TestConductor) {
        do {
            var server = DatagramServer(conductor.start(S.self))
            server.run()
            server.service.willExit()
        }
        conductor.ended()
    }
}

extension SingleServer where S: ~Copyable {
    package static func serve(_ conductor: TestConductor) {
        do {
            var server = SingleServer(conductor.start(S.self))
            server.run()
            server.service.willExit()
        }
        conductor.ended()
    }
}

extension TriggerServer where S: ~Copyable {
    package static func serve(_ conductor: TestConductor) {
        do {
            var server = TriggerServer(conductor.start(S.self))
            server.run()
            server.service.willExit()
        }
        conductor.ended()
    }
}

extension BlockingStreamServer where S: ~Copyable {
    package static func serve(_ conductor: TestConductor) {
        let started = conductor.start(S.self)
        switch S.clientsAtOnce {
        case .one: serve(OneClientServer(started.circumstances, started.counts, started.service))
        case .many: serve(ManyClientsServer(started.circumstances, started.counts, started.service))
        }
        conductor.ended()
    }
}
