//===----------------------------------------------------------------------===//
// Quartermaster: the program around a trigger service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol

/// Runs a trigger service as a child of master(8): `TriggerServer<MyService>.main()` is the whole of a `main.swift`.
public struct TriggerServer<S: TriggerService & ~Copyable>: ~Copyable {
    var service: S
    private var core: TriggerCore

    /// Starts, serves, and ends the process; never returns. Called from the top of `main.swift`, once.
    public static func main() -> Never {
        serve()
        endServer()
    }

    private static func serve() {
        var server = TriggerServer()
        if server.core.isOneShot { server.serveOneShot() } else { server.run() }
        server.service.willExit()
        server.core.finish()
    }

    private init() { self.init(startServer(S.self, as: .trigger)) }

    init(_ started: consuming StartedServer<S>) {
        core = TriggerCore(
            started.circumstances,
            started.counts,
            lock: started.lock.take(),
            triggersAtOnce: S.triggersAtOnce
        )
        service = started.service
    }

    mutating func run() {
        core.start()
        while true {
            switch core.nextStep() {
            case .turn:
                core.wait(atMost: service.willWait(core.time))
                if core.mayAccept { work() }
            case .lookOnceMore: work()
            case .leave: return
            }
        }
    }

    private mutating func work() {
        switch service.willAccept() {
        case .retire(let why): return core.retire(why)
        case .goOn: break
        }
        guard core.takeNext() == .some else { return }
        service.triggered(core.bytes)
        core.end()
    }

    /// What standard input has to say, without master.
    private mutating func serveOneShot() {
        core.readStandardInput()
        service.triggered(core.bytes)
    }
}
