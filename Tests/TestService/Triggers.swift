//===----------------------------------------------------------------------===//
// Quartermaster: services that are woken to do something
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc
import ServerSkeleton

/// Logs what it gets, and every hook. While the file `gate` is in its working directory, a call of the handler takes as
/// long as that.
struct TriggerLog: TriggerService {
    static let watchdog = Parameter.time("trigger_watchdog", default: "1000s", min: 3)
    static var watchdogLimit: Parameter<Int>? { watchdog }
    static var demands: ServiceDemands { demandsOfLastArgument() }

    private var calls: TriggerCalls

    static func prepare(_ context: inout ServiceContext) {
        context.log.info("hook prepare uid=\(geteuid())")
    }

    init(_ context: inout ServiceContext) {
        calls = TriggerCalls(context.log)
        context.log.info("hook init uid=\(geteuid())")
    }

    mutating func willWait(_ time: ServiceTime) -> Int? {
        calls.log.verbose(1, "hook wait")
        return nil
    }

    mutating func willAccept() -> AcceptDecision {
        calls.log.verbose(1, "hook accept")
        return CommandLine.arguments.last == "serve=trigger-leaving" ? .retire("map has changed -- restarting") : .goOn
    }

    mutating func willExit() { calls.log.info("hook exit") }

    mutating func triggered(_ bytes: RawSpan) { calls.handle(bytes) }
}

/// The same for all triggers that wait.
struct JoinedTriggerLog: TriggerService {
    static let triggersAtOnce = TriggersAtOnce.all

    private var calls: TriggerCalls

    init(_ context: inout ServiceContext) { calls = TriggerCalls(context.log) }

    mutating func triggered(_ bytes: RawSpan) { calls.handle(bytes) }
}

/// Does nothing: what is counted is the skeleton's.
struct LeanTrigger: TriggerService {
    init(_ context: inout ServiceContext) {}

    mutating func triggered(_ bytes: RawSpan) {}
}

private struct TriggerCalls {
    let log: ServiceLog
    private var count = 0

    init(_ log: ServiceLog) { self.log = log }

    mutating func handle(_ bytes: RawSpan) {
        count += 1
        log.info("call \(count): \(bytes.byteCount) bytes, '\(String(utf8: bytes))'")
        while access("gate", F_OK) == 0 { usleep(10_000) }
        log.info("call \(count) is over")
    }
}
